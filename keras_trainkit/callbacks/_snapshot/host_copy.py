"""Arrays in the memory of the host, or in a file instead."""

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from keras_trainkit.callbacks._interruption import uninterrupted
from keras_trainkit.callbacks._snapshot import archive


class InMemory:
    """One copy of arrays, renewed in place: a second one never exists.

    Attributes:
        arrays: list of arrays, or None before the first `take`.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] | None = None

    def take(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        """Copy what `arrays` returns; a Ctrl-C waits until all are copied."""
        with uninterrupted():
            buffers, self.arrays = self.arrays or [], None  # After an error there is no copy.
            count = 0
            for array in arrays():
                if count < len(buffers):
                    buffers[count] = _refilled(buffers[count], array)
                else:
                    buffers.append(np.array(array))
                count += 1
                del array  # Before the next one is made.
            self.arrays = buffers[:count]


class OnDisk:
    """One copy of arrays in a file, replaced as a whole.

    Args:
        path: path of the file. Its folder is made.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self._memory: InMemory | None = None
        self._written = False

    def take(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        """Write what `arrays` returns; keep it in memory where that is impossible."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            archive.write(self.path, list(arrays()))
            self._written, self._memory = True, None
        except OSError as error:
            if self._memory is None:
                warnings.warn(
                    f"EarlyStopping cannot write {self.path}: {error.strerror or error}. "
                    "The best weights are kept in memory.",
                    stacklevel=2,
                )
            self._memory = self._memory or InMemory()
            self._memory.take(arrays)

    @property
    def arrays(self) -> list[np.ndarray] | None:
        """The arrays, read from the file at each access; None with a warning if it is damaged."""
        if self._memory or not self._written:
            return self._memory.arrays if self._memory else None
        try:
            return archive.read(self.path)
        except archive.DamagedError as error:
            warnings.warn(f"EarlyStopping has lost the best weights: {error}.", stacklevel=2)
            return None


def _refilled(buffer: np.ndarray, array: Any) -> np.ndarray:
    if buffer.shape != array.shape or buffer.dtype != array.dtype:
        return np.array(array)
    np.copyto(buffer, array)
    return buffer
