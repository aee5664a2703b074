"""Triangles between two learning rates."""

import math
import sys
from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import Duration, duration, period, whole

MODES = ("triangular", "triangular2", "exp_range")


@register
class CyclicalLearningRate(Schedule):
    """Up and down between two learning rates, with an amplitude that stays or shrinks.

        learning_rate(t) = initial + (max - initial) * (1 - |2 c - 1 - t|) * scale
        t = step / step_size,   c = floor(1 + t / 2), the cycle, from 1
        scale = 1 (triangular),   1 / 2^(c - 1) (triangular2),   gamma^step (exp_range)

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0 and at the end of each cycle.
        max_learning_rate: float > 0. Learning rate in the middle of the first cycle.
        step_size: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Half a cycle.
        mode: `"triangular"`, `"triangular2"` or `"exp_range"`. Defaults to `"triangular"`.
        gamma: float in [0, 1]. The factor per step of `"exp_range"`. Defaults to `1.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import CyclicalLearningRate
        >>> schedule = CyclicalLearningRate(0.01, 0.05, step_size=10, mode="triangular2")
        >>> [round(schedule(step), 4) for step in (0, 5, 10, 20, 30, 40)]
        [0.01, 0.03, 0.05, 0.01, 0.03, 0.01]

    Reference: Smith, L. N. (2017), Cyclical learning rates for training neural networks,
    arXiv:1506.01186, section 3.2.
    """

    durations: ClassVar[tuple[str, ...]] = ("step_size",)

    def __init__(
        self,
        initial_learning_rate: float,
        max_learning_rate: float,
        step_size: Duration,
        mode: str = "triangular",
        gamma: float = 1.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the constants."""
        super().__init__(name)
        self.initial_learning_rate = _validation.positive(
            "initial_learning_rate", initial_learning_rate
        )
        self.max_learning_rate = _validation.positive("max_learning_rate", max_learning_rate)
        self.step_size = duration("step_size", step_size)
        self.mode = _validation.one_of("mode", mode, MODES)
        self.gamma = _validation.real("gamma", gamma, low=0.0, high=1.0)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        half: Any = self.step_size
        cycle, share = period(step, whole(2 * half), xp, dtype)  # Counted from 0.
        scale = self._scale(step, xp.array(cycle, dtype), xp, dtype)
        rise = (1.0 - xp.abs(1.0 - 2.0 * share)) * scale
        return self.initial_learning_rate + rise * (
            self.max_learning_rate - self.initial_learning_rate
        )

    @property
    def height(self) -> float:
        """The higher of both."""
        return max(self.initial_learning_rate, self.max_learning_rate)

    def _scale(self, step: Tensor, cycle: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        if self.mode == "triangular2":
            return xp.exp(-math.log(2.0) * cycle)
        if self.mode == "exp_range":
            return xp.exp(math.log(self.gamma or sys.float_info.min) * xp.array(step, dtype))
        return 1.0
