"""One copy of arrays: in the memory of the host, or in a file that no other training writes."""

import itertools
import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit._interruption import uninterrupted
from keras_trainkit.callbacks._lock import Lock


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

    def forget(self) -> None:
        """Have no copy."""
        self.arrays = None


class OnDisk:
    """One copy of arrays in a file, replaced as a whole.

    The file is the first of `best.npz`, `best-2.npz`, `best-3.npz` ... that nobody else holds,
    claimed from the first `take` until `forget`. It also holds a word that was drawn when it was
    written, without which it is somebody else's. What was copied or forked with its owner knows
    that word, so that it can read the file, and claims one of its own when it writes.

    Args:
        path: str. The first of the paths. Its folder is made.
    """

    def __init__(self, path: str) -> None:
        self._paths = path
        self._claim: Lock | None = None
        self._written: tuple[str, str] | None = None  # The file and its word.
        self._memory: InMemory | None = None
        self._failures = 0

    def take(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        """Write what `arrays` returns; keep it in memory where that is impossible."""
        with uninterrupted():
            try:
                self._write(arrays)
            except OSError as error:
                self._warn_of_failure(error)
                memory = self._memory or InMemory()
                memory.take(arrays)
                self._memory = memory

    @property
    def arrays(self) -> list[np.ndarray] | None:
        """The arrays, read from the file at each access; None with a warning if they are lost."""
        if self._memory or not self._written:
            return self._memory.arrays if self._memory else None
        path, word = self._written
        try:
            found = archive.read(path)
            if isinstance(found, dict) and found.get("owner", "") == word:
                return found["arrays"]
            reason = f"has lost the best weights: {path} was written by another training"
        except OSError as error:
            reason = f"cannot read the best weights, and leaves the file as it is: {error}"
        except (archive.DamagedError, archive.WrongVersionError) as error:
            reason = f"has lost the best weights: {error}"
        warnings.warn(
            f"EarlyStopping {reason}. The model keeps those that it has. Choose another "
            "`directory`, or none, if other programs write there.",
            stacklevel=2,
        )
        return None

    def forget(self) -> None:
        """Leave the file to others."""
        self._written = self._memory = None
        if self._claim:
            self._claim.release()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_claim": None}

    def _write(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        if self._claim is None or not self._claim.acquire():
            self._claim = next(lock for lock in map(Lock, self._names()) if lock.acquire())
        path, word = self._claim.path, uuid.uuid4().hex
        os.makedirs(os.path.dirname(path), exist_ok=True)
        archive.write(path, {"owner": word, "arrays": list(arrays())})
        self._written, self._memory = (path, word), None

    def _names(self) -> Iterator[str]:
        yield self._paths
        stem, ending = os.path.splitext(self._paths)
        for number in itertools.count(2):
            yield f"{stem}-{number}{ending}"

    def _warn_of_failure(self, error: OSError) -> None:
        if self._memory is None:  # Once, until it is written again.
            self._failures += 1
            # Python shows a text once.
            again = f" ({self._failures} times by now)" if self._failures > 1 else ""
            warnings.warn(
                f"EarlyStopping cannot write {self._claim.path if self._claim else self._paths}: "
                f"{error.strerror or error}{again}. The best weights are kept in memory.",
                stacklevel=2,
            )


def _refilled(buffer: np.ndarray, array: np.ndarray) -> np.ndarray:
    if buffer.shape != array.shape or buffer.dtype != array.dtype:
        return np.array(array)
    np.copyto(buffer, array)
    return buffer
