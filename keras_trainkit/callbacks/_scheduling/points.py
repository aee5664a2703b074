"""What TensorBoard shows of a training's numbers."""

import math
import os
from collections.abc import Mapping

from keras_trainkit.callbacks._event_file import EventFile

MOST = 200


class Points:
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
        self._interval = math.ceil(max(steps or step - self._first, 1) / MOST)
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
