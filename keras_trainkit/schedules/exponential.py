"""Decays that fall by the same factor in every unit of time."""

import math
from types import ModuleType
from typing import Any

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit.schedules._decay import Decay


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

    Call arguments:
        step: int, NumPy array or integer tensor. Steps (or epochs) before this one, from 0.
        learning_rate: not used; `keras.callbacks.LearningRateScheduler` passes it.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: Keras 3 has no such class.

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

    def share(self, t: Any, xp: ModuleType) -> Any:
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

    Call arguments:
        step: int, NumPy array or integer tensor. Steps (or epochs) before this one, from 0.
        learning_rate: not used; `keras.callbacks.LearningRateScheduler` passes it.

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

    def share(self, t: Any, xp: ModuleType) -> Any:
        """Return decay_rate^t."""
        return xp.exp(math.log(self.decay_rate) * t)
