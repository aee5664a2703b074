"""Files that TensorBoard shows, on every backend."""

import os
import socket
import time
from collections.abc import Mapping
from typing import Any


class EventFile:
    """Writes numbers for TensorBoard, as one event per call.

    The file is opened at the first write. A copy of an `EventFile`, also one made by pickle, writes
    to a file of its own in the same folder.

    Args:
        log_dir: str or path. A folder on this machine, made if missing.

    Raises:
        ImportError: if TensorBoard is not installed.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self.log_dir = os.fspath(log_dir)
        self._protocol = _protocol()
        self._writer: Any = None

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write numbers under their own names, NaN too."""
        self.add(step, [{"tag": t, "simple_value": float(x)} for t, x in scalars.items()])

    def close(self) -> None:
        """Close the file; a later write opens another."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict:
        """Leave the open file."""
        return {**vars(self), "_writer": None}

    def add(self, step: int, values: list[dict[str, Any]]) -> None:
        """Write one event of messages `Summary.Value`, each as a dict."""
        event, record_writer = self._protocol
        if not self._writer:
            os.makedirs(self.log_dir, exist_ok=True)
            # TensorBoard reads the files of a folder in the order of their names.
            name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
            self._writer = record_writer(open(os.path.join(self.log_dir, name), "xb"))  # noqa: SIM115
            first = event(wall_time=time.time(), file_version="brain.Event:2")
            self._writer.write(first.SerializeToString())
        summary = {"value": values}
        record = event(wall_time=time.time(), step=step, summary=summary)
        self._writer.write(record.SerializeToString())
        self._writer.flush()


def _protocol() -> tuple[Any, Any]:
    """Return the class of an event and that of a writer, neither of which loads TensorFlow."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError(
            'Writing for TensorBoard needs it: pip install "keras_trainkit[tensorboard]"'
        ) from error
    return Event, RecordWriter
