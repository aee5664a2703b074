"""Files that TensorBoard shows, on every backend; TensorBoard is imported when one is made."""

import math
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_trainkit import _validation
from keras_trainkit.diagnosis.history import (
    ACTIVATION_STATISTICS,
    LOWEST_EXPONENT,
    STATISTICS,
    History,
)

STEPS_PER_EPOCH = 200

# The step with which training goes on, by folders in which no file says so yet.
_starts: dict[str, int] = {}


class EventFile:
    """Writes numbers for TensorBoard, as one event per call.

    The file is opened at the first write, and begins with the step with which its training goes on:
    of that step and later TensorBoard then forgets what earlier files of the folder say, as what a
    killed training wrote behind its last snapshot. It forgets that under all names. So of several
    files of one training only the first says it, with the latest of their steps.

    A copy of an `EventFile`, also one made by pickle, writes to a file of its own in the same
    folder.

    Args:
        log_dir: str or path. A folder on this machine, made if missing.

    Raises:
        ValueError: if `log_dir` is no such path.
        ImportError: if TensorBoard is not installed.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self.log_dir = _validation.folder("log_dir", log_dir)
        self._protocol = _protocol()
        self._writer: Any = None
        self._has_begun = False

    def begin(self) -> None:
        """Begin a training, with another file."""
        self.close()
        self._has_begun = False
        _starts.pop(self.log_dir, None)

    def go_on_at(self, step: int) -> None:
        """Say with which step the training goes on; only the first call in a training counts."""
        if not self._has_begun:
            self._has_begun = True
            _starts[self.log_dir] = max(step, _starts.get(self.log_dir, step))

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
        if not self._writer:
            self._open()
        self._write(step=step, summary={"value": values})
        self._writer.flush()

    def _open(self) -> None:
        """Open another file, and write what TensorBoard must read first."""
        os.makedirs(self.log_dir, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._writer = self._protocol.writer(open(os.path.join(self.log_dir, name), "xb"))  # noqa: SIM115
        self._write(file_version="brain.Event:2")
        start = _starts.pop(self.log_dir, None)
        if start is not None:
            self._write(step=start, session_log={"status": self._protocol.start})

    def _write(self, **content: Any) -> None:
        event = self._protocol.event(wall_time=time.time(), **content)
        self._writer.write(event.SerializeToString())


@dataclass
class _Places:
    """Steps: the first of the epoch, the next to be written, the latest, and the last written."""

    first: int = 0
    due: int = 0
    latest: int = -1
    written: int = -1
    interval: int = 1


class ScalarLog:
    """Writes the numbers of up to 200 steps of each epoch, evenly spaced.

    In an epoch whose length is unknown they are spaced as the length of the one before asks for,
    and in the first one written at every step.

    Args:
        log_dir: str or path. Folder for TensorBoard.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self._file = EventFile(log_dir)
        self._places = _Places()

    def begin(self) -> None:
        """Begin a training."""
        self._file.begin()
        self._places = _Places()

    def begin_epoch(self, step: int, steps: float | None) -> None:
        """Begin at `step` an epoch of so many steps, or of None if that is unknown."""
        places = self._places
        places.interval = math.ceil(max(steps or step - places.first, 1) / STEPS_PER_EPOCH)
        places.first = step
        # An epoch may begin within a step, whose gradients are accumulated over both.
        places.due = max(step, places.written + 1)
        self._file.go_on_at(step)

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write the numbers, if it is their turn."""
        self._places.latest = step
        if numbers and step >= self._places.due:
            self._places.due = step + self._places.interval
            self._write(numbers)

    def end_epoch(self, numbers: Mapping[str, float]) -> None:
        """Write numbers of the latest step."""
        self._write(numbers)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def get_state(self) -> dict[str, int]:
        """Return what a resumed training needs."""
        return asdict(self._places)

    def set_state(self, state: Mapping[str, int]) -> None:
        """Go on from a state."""
        self._places = _Places(**state)
        self._file.go_on_at(self._places.written + 1)

    def _write(self, numbers: Mapping[str, float]) -> None:
        self._places.written = self._places.latest
        self._file.write_scalars(self._places.latest, numbers)


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


class Protocol(NamedTuple):
    """What TensorBoard has for writers: two classes, and how an event says that they begin."""

    event: Any
    writer: Any
    start: int


def _protocol() -> Protocol:
    """Return what is needed of TensorBoard, none of which loads TensorFlow."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError(
            'Writing for TensorBoard needs it: pip install "keras_trainkit[tensorboard]"'
        ) from error
    return Protocol(Event, RecordWriter, SessionLog.START)


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
