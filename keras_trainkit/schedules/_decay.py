"""What every decay without an end shares: checked arguments, staircase, config."""

import abc
from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit.schedules._duration import Duration, duration
from keras_trainkit.schedules._periods import completed
from keras_trainkit.schedules._schedule import Schedule


class Decay(Schedule):
    """A learning rate that falls from `initial_learning_rate` by a closed form in t.

        learning_rate(step) = initial_learning_rate * share(t),   t = step / decay_steps

    `staircase=True` rounds t down to an integer, which holds each value for `decay_steps` steps.
    """

    durations: ClassVar[tuple[str, ...]] = ("decay_steps",)

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Duration,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        """Check and keep the formula's constants."""
        super().__init__(name)
        self.initial_learning_rate = _validation.positive(
            "initial_learning_rate", initial_learning_rate
        )
        self.decay_steps = duration("decay_steps", decay_steps)
        self.decay_rate = self.check_decay_rate(decay_rate)
        self.staircase = _validation.boolean("staircase", staircase)

    def check_decay_rate(self, decay_rate: float) -> float:
        """Return `decay_rate` if the formula allows it, or raise."""
        return _validation.positive("decay_rate", decay_rate)

    @abc.abstractmethod
    def share(self, t: Any, xp: ModuleType) -> Any:
        """Return the share of the initial learning rate that is left at `t`.

        `xp` is the array module that `t` belongs to: `numpy` or `keras.ops`.
        """

    def at(self, step: Any, xp: ModuleType, dtype: str) -> Any:
        """Return the learning rate at `step`."""
        unit: Any = self.decay_steps
        if self.staircase:
            step, unit = completed(step, unit, xp, dtype), 1
        return self.initial_learning_rate * self.share(xp.array(step, dtype) / unit, xp)
