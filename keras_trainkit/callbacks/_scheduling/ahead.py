"""Schedules, worked out for many steps at once."""

from collections.abc import Callable, Sequence

import numpy as np

from keras_trainkit.schedules._schedule import Schedule

STEPS = 256


class Ahead:
    """A schedule as a function of the step that costs next to nothing from step to step.

    Args:
        schedule: a schedule of this package, with durations in steps.
        expect: function that is told the numbers of the steps to come.
    """

    def __init__(self, schedule: Schedule, expect: Callable[[Sequence[float]], None]) -> None:
        self._schedule, self._expect = schedule, expect
        self._first = 0
        self._values: list[float] = []

    def __call__(self, step: int) -> float:
        """Return the number at `step`."""
        if not 0 <= step - self._first < len(self._values):
            self._first = step
            self._values = self._schedule(np.arange(step, step + STEPS)).tolist()
            self._expect(self._values)
        return self._values[step - self._first]
