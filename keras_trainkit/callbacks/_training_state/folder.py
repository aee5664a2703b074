"""A folder of numbered snapshots, of which the latest few are kept."""

import contextlib
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras

from keras_trainkit import _archive as archive

_NAME = re.compile(r"snapshot-(\d{8})\.npz")
# How many trainings this process has finished in each directory.
_finished: Counter[str] = Counter()


def folder_of(directory: str, callbacks: Iterable[keras.callbacks.Callback]) -> str:
    """Return the path of the folder for this `fit` of the script, or of a trial of KerasTuner."""
    tuning = (callback for callback in callbacks if type(callback).__name__ == "TunerCallback")
    trials: list[Any] = [getattr(callback, "trial", None) for callback in tuning]
    names = [f"trial-{trial.trial_id}" for trial in trials if trial is not None]
    place = os.path.join(os.path.abspath(directory), *names)
    return os.path.join(place, f"fit-{_finished[place]:03d}")


class SnapshotFolder:
    """Snapshots of one training.

    Args:
        path: path of the folder. It is made when the first snapshot is written.
        keep: integer >= 1. How many snapshots are kept.
    """

    def __init__(self, path: str, keep: int) -> None:
        self.path = path
        self._keep = keep
        self._damaged: set[int] = set()
        self._complaint = ""

    def load(self) -> Any:
        """Return the newest state that can be read, or None; warn of each that is damaged."""
        numbers = self._numbers()
        for number in reversed(numbers):
            try:
                return archive.read(self._file(number))
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
        return None

    def save(self, state: Any) -> None:
        """Write a state; where that is impossible, warn and leave everything as it was."""
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

    def finish(self) -> None:
        """Leave the folder to this `fit`: the next one of the process has another."""
        _finished[os.path.dirname(self.path)] += 1

    def delete(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _save(self, state: Any) -> None:
        """Write a state, then remove what is not to be kept."""
        os.makedirs(self.path, exist_ok=True)
        numbers = self._numbers()
        archive.write(self._file(max(numbers, default=-1) + 1), state)
        sound = [number for number in numbers if number not in self._damaged]
        kept = sound[max(0, len(sound) + 1 - self._keep) :]
        for number in set(numbers) - set(kept):
            self._remove(self._file(number))
        for name in os.listdir(self.path):
            if name.endswith(archive.UNFINISHED):
                self._remove(os.path.join(self.path, name))

    def _numbers(self) -> list[int]:
        names = os.listdir(self.path) if os.path.isdir(self.path) else []
        found = (_NAME.fullmatch(name) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def _file(self, number: int) -> str:
        return os.path.join(self.path, f"snapshot-{number:08d}.npz")

    @staticmethod
    def _remove(path: str) -> None:
        with contextlib.suppress(OSError):
            os.remove(path)
