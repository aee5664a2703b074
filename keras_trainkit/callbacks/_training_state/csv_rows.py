"""The file of Keras's `CSVLogger`: rows of epochs that are trained again must not stand twice.

What was written since a snapshot is removed when the training goes on from it, if it can be nothing
else: the file up to there is as it was, and the rows behind it are epochs that follow each other.
"""

import contextlib
import os
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

import keras

from keras_trainkit import _archive as archive
from keras_trainkit import _validation

_TAIL = 4096


def begin(callbacks: Iterable[keras.callbacks.Callback], record: str) -> None:
    """Begin a training of which there is no snapshot, perhaps because it was killed before.

    Args:
        callbacks: the callbacks of the `fit`.
        record: path of the file in which it stands how long the files were when it began first.
    """
    loggers = [c for c in callbacks if isinstance(c, keras.callbacks.CSVLogger)]
    for logger in loggers:
        if not logger.append:
            warnings.warn(
                f"TrainingState: CSVLogger begins {logger.filename} anew when this training is "
                "resumed. Pass it `append=True` to keep the rows.",
                stacklevel=2,
            )
    with contextlib.suppress(Exception):  # Without a sound record nothing is removed.
        states = archive.read(record)
        for logger in loggers:
            cut_back(logger, states[logger.filename], most=1)
    if loggers:  # Where it cannot be written, no snapshot can, as will be said.
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(record), exist_ok=True)
            archive.write(record, {logger.filename: written(logger) for logger in loggers})


def written(logger: keras.callbacks.CSVLogger) -> dict[str, Any] | None:
    """Return how long the file is and a checksum of its end, None if it is not on this machine."""
    try:
        with open(logger.filename, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            return {"size": size, "checksum": _checksum(file, size)}
    except OSError:
        return None


def cut_back(logger: keras.callbacks.CSVLogger, state: dict[str, Any], most: int = 2**31) -> None:
    """Remove what was written since, at most so many rows.

    The logger has the file open for appending, and goes on at its end.
    """
    size = _validation.integer("size", state["size"], low=0)
    try:
        with open(logger.filename, "r+b") as file:
            if _checksum(file, size) != state["checksum"]:
                return
            file.seek(size)
            rows = file.read().splitlines()[size == 0 :]  # Without the header.
            epochs = [row.partition(logger.sep.encode())[0] for row in rows]
            if 0 < len(rows) <= most and _follow_each_other(epochs):
                file.truncate(size)
                logger.append_header = size == 0
    except OSError:
        return  # It has been moved away, and a new one is begun.


def _follow_each_other(epochs: list[bytes]) -> bool:
    if not all(epoch.isdigit() for epoch in epochs):
        return False
    first = int(epochs[0])
    return [int(epoch) for epoch in epochs] == list(range(first, first + len(epochs)))


def _checksum(file: Any, size: int) -> int:
    file.seek(max(0, size - _TAIL))
    return zlib.crc32(file.read(min(size, _TAIL)))
