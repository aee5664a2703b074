"""Decays that fall by ever smaller factors: with the inverse of time, and of its root."""

from types import ModuleType
from typing import Any

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit.schedules._decay import Decay


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

    Call arguments:
        step: int, NumPy array or integer tensor. Steps (or epochs) before this one, from 0.
        learning_rate: not used; `keras.callbacks.LearningRateScheduler` passes it.

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

    def share(self, t: Any, xp: ModuleType) -> Any:
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

    Call arguments:
        step: int, NumPy array or integer tensor. Steps (or epochs) before this one, from 0.
        learning_rate: not used; `keras.callbacks.LearningRateScheduler` passes it.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: Keras 3 has no such class.

    Example:
        >>> from keras_trainkit.schedules import InverseSqrtDecay
        >>> schedule = InverseSqrtDecay(0.1, decay_steps=1, decay_rate=1.0)
        >>> [schedule(epoch) for epoch in (0, 3, 15)]
        [0.1, 0.05, 0.025]

    Reference: Zinkevich, M. (2003), Online convex programming and generalized infinitesimal
    gradient ascent, ICML, Theorem 1.
    """

    def share(self, t: Any, xp: ModuleType) -> Any:
        """Return d / sqrt(1 + t)."""
        return self.decay_rate / xp.sqrt(1.0 + t)
