"""Decay along half a cosine, once and with restarts."""

import math
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import Duration, duration, is_whole, period, rounding, whole

# Periods that grow more slowly are too many for a table.
SLOWEST = 1.01


class _Cosine(Schedule):
    """The argument check and the formula that both share."""

    def __init__(self, initial_learning_rate: float, alpha: float, name: str | None) -> None:
        super().__init__(name)
        self.initial_learning_rate = _validation.positive(
            "initial_learning_rate", initial_learning_rate
        )
        self.alpha = _validation.real("alpha", alpha, low=0.0, high=1.0)

    def _falling(self, t: Tensor, peak: Tensor, xp: ModuleType) -> Tensor:
        """Return the learning rate at the share t of a fall from `peak` times the initial one."""
        share = peak * 0.5 * (1.0 + xp.cos(math.pi * t))
        return self.initial_learning_rate * ((1.0 - self.alpha) * share + self.alpha)


@register
class CosineDecay(_Cosine):
    """Decay along half a cosine.

        learning_rate(t) = initial * ((1 - alpha) * (1 + cos(pi t)) / 2 + alpha)
        t = min(step / decay_steps, 1)

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        decay_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. When the end is
            reached.
        alpha: float in [0, 1]. The end, as a share of the initial learning rate. Defaults to
            `0.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: the warm-up is not an argument here; `.warmup()` puts one in front of any
    schedule.

    Example:
        >>> from keras_trainkit.schedules import CosineDecay
        >>> schedule = CosineDecay(0.1, decay_steps=100)
        >>> [round(schedule(step), 4) for step in (0, 50, 100, 200)]
        [0.1, 0.05, 0.0, 0.0]

    Reference: Loshchilov, I. & Hutter, F. (2017), SGDR: stochastic gradient descent with warm
    restarts, arXiv:1608.03983, equation 5.
    """

    durations: ClassVar[tuple[str, ...]] = ("decay_steps",)

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Duration,
        alpha: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the formula's constants."""
        super().__init__(initial_learning_rate, alpha, name)
        self.decay_steps = duration("decay_steps", decay_steps)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        steps: Any = self.decay_steps
        return self._falling(xp.array(xp.minimum(step, steps), dtype) / steps, 1.0, xp)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Schedule:
        """Return the schedule that `get_config` described, here or in Keras."""
        ours = dict(config)
        ours.pop("warmup_steps", None)
        target = ours.pop("warmup_target", None)
        if target is not None:
            raise _validation.invalid(
                "warmup_target", "None, as `.warmup(...)` puts a warm-up in front", target
            )
        return super().from_config(ours, custom_objects)

    def _length(self) -> Any:
        return self.decay_steps


@register
class CosineDecayRestarts(_Cosine):
    """Decay along half a cosine, again and again.

        learning_rate(t) = initial * ((1 - alpha) * m_mul^i * (1 + cos(pi t)) / 2 + alpha)
        t = (step - s_i) / n_i,   n_i = first_decay_steps * t_mul^i,   s_i = n_0 + ... + n_(i-1)

    with i the period that holds the step: s_i <= step < s_(i+1).

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        first_decay_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Length of
            the first period.
        t_mul: 1, or float >= 1.01. Each period is so many times as long as the one before.
            Defaults to `2.0`.
        m_mul: float > 0. Each period starts so many times as high. Defaults to `1.0`.
        alpha: float in [0, 1]. The end of a period, as a share of the initial learning rate.
            Defaults to `0.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: periods do not become shorter (`t_mul` >= 1), and a restart that falls on a
    step happens at that step; Keras rounds it to the step before or after.

    Example:
        >>> from keras_trainkit.schedules import CosineDecayRestarts
        >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10, t_mul=2.0, m_mul=0.5)
        >>> [round(schedule(step), 4) for step in (0, 5, 10, 20, 30)]
        [0.1, 0.05, 0.05, 0.025, 0.025]

    Reference: Loshchilov, I. & Hutter, F. (2017), SGDR: stochastic gradient descent with warm
    restarts, arXiv:1608.03983, equation 5 and section 3.
    """

    durations: ClassVar[tuple[str, ...]] = ("first_decay_steps",)

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: Duration,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the formula's constants."""
        super().__init__(initial_learning_rate, alpha, name)
        self.first_decay_steps = duration("first_decay_steps", first_decay_steps)
        self.t_mul = _validation.real("t_mul", t_mul, low=1.0)
        if 1 < self.t_mul < SLOWEST:
            raise _validation.invalid("t_mul", f"1, or at least {SLOWEST}", t_mul)
        self.m_mul = _validation.positive("m_mul", m_mul)
        if self.t_mul > 1 and not isinstance(self.first_decay_steps, str):
            self._periods = self._tabulated()

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        steps: Any = self.first_decay_steps
        if self.t_mul == 1:
            index, t = period(step, steps, xp, dtype)
        else:
            index, t = self._growing_period(step, xp, dtype)
        return self._falling(t, xp.exp(math.log(self.m_mul) * xp.array(index, dtype)), xp)

    def _growing_period(self, step: Tensor, xp: ModuleType, dtype: str) -> tuple[Tensor, Tensor]:
        """Return which period holds the step, and which share of it has passed."""
        begins, lengths = self._periods
        first, enough = begins, begins * (1 - rounding(dtype))
        if is_whole(step):  # Compared with whole numbers, which no type rounds.
            first = enough = np.ceil(begins).astype("int32")
        index = xp.sum(xp.greater_equal(xp.expand_dims(step, -1), enough), -1) - 1
        late = xp.array(xp.take(first - begins, index), dtype)
        begun = xp.array(xp.subtract(step, xp.take(first, index)), dtype)
        share = (begun + late) / xp.array(xp.take(lengths, index), dtype)
        return index, xp.maximum(share, 0.0)

    def _tabulated(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where each period begins, and its length, for all steps of 31 bits."""
        begins, lengths = [0.0], [float(self.first_decay_steps)]
        while (end := begins[-1] + lengths[-1]) < 2**31 - 1:
            begins.append(whole(end))
            lengths.append(lengths[-1] * self.t_mul)
        return np.array(begins), np.array(lengths)
