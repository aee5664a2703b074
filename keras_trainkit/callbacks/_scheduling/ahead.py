"""Schedules, worked out for many steps at once."""

from typing import Any

import numpy as np

from keras_trainkit.schedules._schedule import Schedule

STEPS = 1024


class Ahead:
    """A schedule as a function of the step that costs next to nothing from step to step.

    Args:
        schedule: a schedule of this package, with durations in steps.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._first = 0
        self._values: Any = []

    def __call__(self, step: int) -> float:
        """Return the number at `step`."""
        if not 0 <= step - self._first < len(self._values):
            self._first = step
            self._values = self._schedule(np.arange(step, step + STEPS)).tolist()
        return self._values[step - self._first]
