"""Files that TensorBoard shows, on every backend; TensorBoard is imported when one is made."""

import math
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_trainkit.diagnosis.history import (
    ACTIVATION_STATISTICS,
    LOWEST_EXPONENT,
    STATISTICS,
    History,
)

STEPS_PER_EPOCH = 200


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


class ScalarLog:
    """Writes the numbers of up to 200 steps of each epoch, evenly spaced.

    In an epoch whose length is unknown they are spaced as the length of the one before asks for,
    and in the first one written at every step.

    Args:
        log_dir: str or path. Folder for TensorBoard.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self._file = EventFile(log_dir)
        self._first = 0

    def begin_epoch(self, step: int, steps: float | None) -> None:
        """Begin at `step` an epoch of so many steps, or of None if that is unknown."""
        self._interval = math.ceil(max(steps or step - self._first, 1) / STEPS_PER_EPOCH)
        self._first = self._due = step

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write the numbers, if it is their turn."""
        if numbers and step >= self._due:
            self._due = step + self._interval
            self.write(step, numbers)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write the numbers."""
        self._file.write_scalars(step, numbers)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class RecordFile(EventFile):
    """Writes records of training steps for TensorBoard.

    TensorBoard groups the tags by what stands before the first slash:
        gradient_norm/<variable>, gradient_max_abs/<variable>, ... as in `diagnosis.STATISTICS`,
        weight_norm/<variable>, update_norm/<variable>, update_ratio/<variable>, global_norm,
        gradient_log2/<variable>: histogram of log2 |g_i| over the elements that are not zero,
        activation_std/<layer>, ... as in `diagnosis.ACTIVATION_STATISTICS`

    Args:
        log_dir: str or path. A folder on this machine, made if missing.

    Raises:
        ImportError: if TensorBoard is not installed.
    """

    def write(
        self,
        step: int,
        variables: Sequence[str],
        rows: np.ndarray,
        histograms: np.ndarray | None = None,
    ) -> None:
        """Write what was recorded at a step; NaN, a statistic that was not recorded, is left out.

        Args:
            step: integer. Training step, 0-based.
            variables: V strings. Paths of the variables.
            rows: floats, shape `(V, 10)`, columns as in `diagnosis.STATISTICS`.
            histograms: integers, shape `(V, 64)`, bins as in `diagnosis.History`, or `None`.
        """
        steps, epochs, sizes = np.array([step]), np.zeros(1), np.zeros(len(variables))
        history = History(steps, epochs, tuple(variables), sizes, rows[np.newaxis])
        scalars = _scalars(history)
        values = [{"tag": tag, "simple_value": x} for tag, x in scalars if not math.isnan(x)]
        if histograms is not None:
            for variable, counts in zip(variables, histograms, strict=True):
                if counts.any():
                    values.append({"tag": f"gradient_log2/{variable}", "histo": _log2(counts)})
        self.add(step, values)

    def write_activations(
        self, step: int, rows: Iterable[tuple[str, str, Sequence[float]]]
    ) -> None:
        """Write what `ActivationProbe` measured; NaN, what a layer has not, is left out."""
        scalars = {
            f"activation_{statistic}/{layer}": value
            for layer, _, values in rows
            for statistic, value in zip(ACTIVATION_STATISTICS, values, strict=True)
            if not math.isnan(value)
        }
        self.write_scalars(step, scalars)


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


def _scalars(history: History) -> Iterator[tuple[str, float]]:
    """Yield a tag and a number for every statistic of every variable, and the global norm."""
    for statistic in (*STATISTICS, "update_ratio"):
        about_gradient = not statistic.startswith(("weight_", "update_"))
        group = f"gradient_{statistic}" if about_gradient else statistic
        for variable, value in zip(history.variables, history[statistic][0], strict=True):
            yield f"{group}/{variable}", value
    yield "global_norm", history.global_norm[0]


def _log2(counts: np.ndarray) -> dict[str, Any]:
    """Return a histogram message of the occupied range of bins."""
    occupied = np.flatnonzero(counts)
    inside = slice(occupied[0], occupied[-1] + 1)
    edges = LOWEST_EXPONENT + np.arange(len(counts) + 1.0)
    return {
        "min": edges[inside.start],
        "max": edges[inside.stop],
        "num": counts.sum(),
        "bucket_limit": edges[1:][inside],
        "bucket": counts[inside],
    }
