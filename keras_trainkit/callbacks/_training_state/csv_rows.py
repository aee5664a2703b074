"""The file of Keras's `CSVLogger`: rows of epochs that are trained again must not stand twice."""

import os
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

import keras

from keras_trainkit import _validation

_TAIL = 4096


def written(logger: keras.callbacks.CSVLogger) -> dict[str, Any] | None:
    """Return how long the file is and a checksum of its end, None if it is not on this machine."""
    try:
        with open(logger.filename, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            return {"size": size, "checksum": _checksum(file, size)}
    except OSError:
        return None


def cut_back(logger: keras.callbacks.CSVLogger, state: dict[str, Any]) -> None:
    """Remove what was written since, if the file is still the one that it was.

    The logger has it open for appending, and goes on at its end.
    """
    size = _validation.integer("size", state["size"], low=0)
    try:
        with open(logger.filename, "r+b") as file:
            if file.seek(0, os.SEEK_END) > size and _checksum(file, size) == state["checksum"]:
                file.truncate(size)
                logger.append_header = size == 0
    except OSError:
        return  # It has been moved away, and a new one is begun.


def warn_of_overwriting(callbacks: Iterable[keras.callbacks.Callback]) -> None:
    """Say of which files the rows will be lost when the training is resumed."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CSVLogger) and not callback.append:
            warnings.warn(
                f"TrainingState: CSVLogger begins {callback.filename} anew when this training is "
                "resumed. Pass it `append=True` to keep the rows.",
                stacklevel=2,
            )


def _checksum(file: Any, size: int) -> int:
    file.seek(max(0, size - _TAIL))
    return zlib.crc32(file.read(min(size, _TAIL)))
