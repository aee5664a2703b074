"""A folder of numbered snapshots, of which the latest few are kept."""

import contextlib
import errno
import os
import re
import shutil
import warnings
from typing import Any

from keras_trainkit import _archive as archive

_NAME = re.compile(r"snapshot-(\d{8})\.npz")
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class SnapshotFolder:
    """Snapshots of one training.

    Args:
        path: path of the folder.
        keep: integer >= 1. How many snapshots are kept.

    Attributes:
        beginning: path of a file for what must be known until there is a snapshot.
    """

    def __init__(self, path: str, keep: int) -> None:
        self.path = path
        self.beginning = os.path.join(path, "beginning.npz")
        self._keep = keep
        self._damaged: set[int] = set()
        self._complaint = ""

    def load(self) -> tuple[str, Any]:
        """Return the newest state that is whole, None without any, and the path of its file.

        Warns of each that is damaged.

        Raises:
            OSError: if a snapshot cannot be read now. It may be whole.
        """
        numbers = self._numbers()
        for number in reversed(numbers):
            path = self._file(number)
            try:
                return path, archive.read(path)
            except archive.DamagedError as error:
                self._damaged.add(number)
                instead = (
                    "The one before is taken"
                    if number != numbers[0]
                    else "There is none before it, and training begins anew"
                )
                warnings.warn(
                    f"TrainingState passes over a snapshot: {error}. {instead}.", stacklevel=2
                )
        return self.path, None

    def begin(self) -> None:
        """Make the folder, which tells the `fit`s before that there is one behind them."""
        with contextlib.suppress(OSError):  # Saving tells of it.
            os.makedirs(self.path, exist_ok=True)

    def save(self, state: Any) -> None:
        """Write a state; where that is impossible, warn and keep what is there."""
        try:
            self._save(state)
        except OSError as error:
            complaint = (
                f"TrainingState cannot write to {self.path}: {error.strerror or error}. "
                "Training goes on without a new snapshot."
            )
            if complaint != self._complaint:  # Once, not at every epoch.
                warnings.warn(complaint, stacklevel=2)
            self._complaint = complaint
        else:
            self._complaint = ""

    def delete(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _save(self, state: Any) -> None:
        """Write a state, then remove what is not to be kept."""
        os.makedirs(self.path, exist_ok=True)
        self._remove_unfinished()
        numbers = self._numbers()
        path = self._file(max(numbers, default=-1) + 1)
        sound = [number for number in numbers if number not in self._damaged]
        try:
            archive.write(path, state)
        except OSError as error:
            if error.errno not in _FULL or len(sound) < 2:
                raise
            self._remove(sound[:-1])
            archive.write(path, state)
        self._remove(sound[: max(0, len(sound) + 1 - self._keep)])

    def _remove_unfinished(self) -> None:
        """Remove what was being written when an earlier process was killed."""
        for name in os.listdir(self.path):
            if name.endswith(archive.UNFINISHED):
                with contextlib.suppress(OSError):
                    os.remove(os.path.join(self.path, name))

    def _remove(self, numbers: list[int]) -> None:
        for number in numbers:
            with contextlib.suppress(OSError):
                os.remove(self._file(number))

    def _numbers(self) -> list[int]:
        # Any other error, such as a server that is away, must not look like an empty folder.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = (_NAME.fullmatch(name) for name in os.listdir(self.path))
            return sorted(int(match[1]) for match in found if match)
        return []

    def _file(self, number: int) -> str:
        return os.path.join(self.path, f"snapshot-{number:08d}.npz")
