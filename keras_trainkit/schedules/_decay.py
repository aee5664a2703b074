"""What every decay shares: checked arguments, staircase, host and compiled evaluation, config."""

import abc
import numbers
from types import ModuleType
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation


class Decay(keras.optimizers.schedules.LearningRateSchedule, abc.ABC):
    """A learning rate that falls from `initial_learning_rate` by a closed form in t.

        learning_rate(step) = initial_learning_rate * share(t),   t = step / decay_steps

    `staircase=True` rounds t down to an integer, which holds each value for `decay_steps` steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        """Check and keep the formula's constants."""
        super().__init__()
        self.initial_learning_rate = _validation.positive(
            "initial_learning_rate", initial_learning_rate
        )
        steps = _validation.positive("decay_steps", decay_steps)
        # As an int it divides the optimizer's integer step without rounding, at any step.
        self.decay_steps = int(steps) if steps.is_integer() else steps
        self.decay_rate = self.check_decay_rate(decay_rate)
        self.staircase = _validation.boolean("staircase", staircase)
        self.name = name or type(self).__name__

    def check_decay_rate(self, decay_rate: float) -> float:
        """Return `decay_rate` if the formula allows it, or raise."""
        return _validation.positive("decay_rate", decay_rate)

    @abc.abstractmethod
    def share(self, t: Any, xp: ModuleType) -> Any:
        """Return the share of the initial learning rate that is left at `t`.

        `xp` is the array module that `t` belongs to: `numpy` or `keras.ops`.
        """

    def __call__(self, step: Any, learning_rate: Any = None) -> Any:
        """Return the learning rate at `step`, counted from 0.

        A Python number gives a Python float, a NumPy array an array, both in float64; a tensor
        gives a tensor of Keras's `floatx`. `learning_rate` is what a
        `keras.callbacks.LearningRateScheduler` passes as well, the present value: not needed.
        """
        if isinstance(step, np.ndarray):
            return self._at(step, np, "float64")
        if isinstance(step, numbers.Real):
            return float(self._at(step, np, "float64"))
        with keras.name_scope(self.name):
            return self._at(step, keras.ops, keras.config.floatx())

    def _at(self, step: Any, xp: ModuleType, dtype: str) -> Any:
        unit = self.decay_steps
        if self.staircase:
            step, unit = xp.floor_divide(step, unit), 1
        return self.initial_learning_rate * self.share(xp.array(step, dtype) / unit, xp)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }
