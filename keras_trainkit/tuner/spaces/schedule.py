"""Search space of a learning-rate schedule."""

from collections.abc import Callable
from functools import partial
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule
from keras_tuner import HyperParameters

from keras_trainkit import _validation, schedules
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space

CONSTANT = "constant"
# Each halves `rate` at step `half_life`.
SCHEDULES: dict[str, Callable[[float, int], LearningRateSchedule]] = {
    "exponential": lambda rate, half_life: schedules.ExponentialDecay(rate, half_life, 0.5),
    "inverse_time": lambda rate, half_life: schedules.InverseTimeDecay(rate, half_life, 1.0),
    "inverse_sqrt": lambda rate, half_life: schedules.InverseSqrtDecay(rate, half_life / 3, 1.0),
}


class Schedule(Space):
    """Learning-rate schedule: constant, or a decay that halves the learning rate at `half_life`.

        exponential    learning_rate * 2^(-t / half_life)
        inverse_time   learning_rate / (1 + t / half_life)
        inverse_sqrt   learning_rate / sqrt(1 + 3 t / half_life)

    One number with one meaning, in steps t of the optimizer, fits every decay and does not depend
    on how long a trial trains. The exponential curve is also lr0 exp(-k t), k = ln 2 / half_life.

    Args:
        choices: str, `"constant"` or a name from the list above; `False` means `"constant"`.
            Defaults to all four.
        half_life: int >= 1. Steps until the learning rate has halved; a range is sampled on a
            logarithmic scale. Defaults to the range `(100, 10_000)`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> space = spaces.Schedule("inverse_sqrt", half_life=300)
        >>> schedule = space.build(HyperParameters(), learning_rate=0.1)
        >>> [round(schedule(step), 4) for step in (0, 300, 1500)]
        [0.1, 0.05, 0.025]
    """

    def __init__(self, choices: Any = None, half_life: Any = None) -> None:
        names = (CONSTANT, *SCHEDULES)
        known = partial(_validation.one_of, choices=names)
        steps = partial(_validation.integer, low=1)
        self.name = dimension("schedule", choices, known, default=names, off=CONSTANT)
        self.half_life = dimension("half_life", half_life, steps, default=(100, 10_000), log=True)

    def declare(self, hp: HyperParameters) -> tuple[str, int | None]:
        """Register name and half-life; return their values."""
        return self.name.declare(hp), self.half_life.declare_when(hp, self.name, SCHEDULES)

    def build(self, hp: HyperParameters, learning_rate: float) -> float | LearningRateSchedule:
        """Return the learning rate itself, or a new schedule that starts from it."""
        name, half_life = self.declare(hp)
        if half_life is None:
            return learning_rate
        return SCHEDULES[name](learning_rate, half_life)
