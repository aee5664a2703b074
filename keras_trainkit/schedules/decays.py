"""Decays without an end: by equal factors, with the inverse of time, and with that of its root."""

import abc
import math
from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import Duration, completed, duration


class Decay(Schedule):
    """What they share: a learning rate that falls by a closed form in t, checks and staircase.

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
    def share(self, t: Tensor, xp: ModuleType) -> Tensor:
        """Return the share of the initial learning rate that is left at `t`.

        `xp` is the array module that `t` belongs to: `numpy` or `keras.ops`.
        """

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        unit: Any = self.decay_steps
        if self.staircase:
            step, unit = completed(step, unit, xp, dtype), 1
        return self.initial_learning_rate * self.share(xp.array(step, dtype) / unit, xp)


@register
class NaturalExponentialDecay(Decay):
    """Decay by the factor 1/e per 1/`decay_rate` units of time.

        learning_rate(t) = initial_learning_rate * exp(-decay_rate * t),   t = step / decay_steps

    Textbooks write lr0 exp(-k t): `decay_rate` is k and `decay_steps` the unit of t.

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        decay_steps: number > 0 of steps per unit of t, or a text like `"5 epochs"` or `"10%"`.
        decay_rate: float >= 0. The constant k, per unit of t.
        staircase: bool. Round t down to an integer: hold each value for `decay_steps` steps.
            Defaults to `False`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import NaturalExponentialDecay
        >>> schedule = NaturalExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
        >>> [round(schedule(step), 5) for step in (0, 100, 200)]
        [0.1, 0.06065, 0.03679]

    Reference: `tf.compat.v1.train.natural_exp_decay` of TensorFlow 1, whose arguments these are.
    """

    def check_decay_rate(self, decay_rate: float) -> float:
        """Return k if it is >= 0, or raise."""
        return _validation.real("decay_rate", decay_rate, low=0.0)

    def share(self, t: Tensor, xp: ModuleType) -> Tensor:
        """Return exp(-k t)."""
        return xp.exp(-self.decay_rate * t)


@register
class ExponentialDecay(Decay):
    """Decay by the factor `decay_rate` per `decay_steps` steps.

        learning_rate(t) = initial_learning_rate * decay_rate^t,   t = step / decay_steps

    This is the closed form of lr_t = a * lr_{t-1}, and of d^epoch * lr0. With `staircase=True` it
    is the step decay that multiplies by `decay_rate` every `decay_steps` steps at once.

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        decay_steps: number > 0 of steps per factor, or a text like `"5 epochs"` or `"10%"`.
        decay_rate: float > 0. The factor; above 1 the learning rate grows.
        staircase: bool. Round t down to an integer: hold each value for `decay_steps` steps.
            Defaults to `False`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: the logarithm of `decay_rate` is taken in float64. Keras rounds the base
    to float32, which for 0.9999 is 0.17 % off after 1e5 factors.

    Example:
        >>> from keras_trainkit.schedules import ExponentialDecay
        >>> schedule = ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True)
        >>> [schedule(epoch) for epoch in (0, 9, 10, 20)]
        [0.1, 0.1, 0.05, 0.025]

    Reference: `keras.optimizers.schedules.ExponentialDecay`.
    """

    def share(self, t: Tensor, xp: ModuleType) -> Tensor:
        """Return decay_rate^t."""
        return xp.exp(math.log(self.decay_rate) * t)


@register
class InverseTimeDecay(Decay):
    """Decay with the inverse of time.

        learning_rate(t) = initial_learning_rate / (1 + decay_rate * t),   t = step / decay_steps

    Textbooks write lr0 / (1 + k t): `decay_rate` is k and `decay_steps` the unit of t. The
    learning rate halves when t reaches 1/k, then needs twice as long to halve again.

    Args:
        initial_learning_rate: float > 0. Learning rate at step 0.
        decay_steps: number > 0 of steps per unit of t, or a text like `"5 epochs"` or `"10%"`.
        decay_rate: float >= 0. The constant k, per unit of t.
        staircase: bool. Round t down to an integer: hold each value for `decay_steps` steps.
            Defaults to `False`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: a Python number gives a Python float, not a tensor.

    Example:
        >>> from keras_trainkit.schedules import InverseTimeDecay
        >>> schedule = InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.25)
        >>> [schedule(epoch) for epoch in (0, 4, 12)]
        [0.1, 0.05, 0.025]

    Reference: Robbins, H. & Monro, S. (1951), A stochastic approximation method,
    doi:10.1214/aoms/1177729586, for steps that fall as 1/t.
    """

    def check_decay_rate(self, decay_rate: float) -> float:
        """Return k if it is >= 0, or raise."""
        return _validation.real("decay_rate", decay_rate, low=0.0)

    def share(self, t: Tensor, xp: ModuleType) -> Tensor:
        """Return 1 / (1 + k t)."""
        return 1.0 / (1.0 + self.decay_rate * t)


@register
class InverseSqrtDecay(Decay):
    """Decay with the inverse of the square root of time.

        learning_rate(n) = initial_learning_rate * decay_rate / sqrt(n)
        n = 1 + step / decay_steps

    Textbooks write d / sqrt(t) * lr0 and count t from 1. Steps count from 0, so the first one has
    n = 1 and the learning rate d * lr0.

    Args:
        initial_learning_rate: float > 0. lr0; the learning rate at step 0 is d * lr0.
        decay_steps: number > 0 of steps per unit of n, or a text like `"5 epochs"` or `"10%"`.
        decay_rate: float > 0. The constant d, without a unit.
        staircase: bool. Round n down to an integer: hold each value for `decay_steps` steps.
            Defaults to `False`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import InverseSqrtDecay
        >>> schedule = InverseSqrtDecay(0.1, decay_steps=1, decay_rate=1.0)
        >>> [schedule(epoch) for epoch in (0, 3, 15)]
        [0.1, 0.05, 0.025]

    Reference: Zinkevich, M. (2003), Online convex programming and generalized infinitesimal
    gradient ascent, ICML, Theorem 1.
    """

    def share(self, t: Tensor, xp: ModuleType) -> Tensor:
        """Return d / sqrt(1 + t)."""
        return self.decay_rate / xp.sqrt(1.0 + t)
