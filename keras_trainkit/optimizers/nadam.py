"""Nadam: Adam with Nesterov's momentum, on Dozat's schedule."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Unpack

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.optimizers._adam_family import MomentOptimizer
from keras_trainkit.optimizers._arguments import Arguments, shows_arguments_of
from keras_trainkit.optimizers._base import LearningRate, Optimizer
from keras_trainkit.optimizers._hyperparameters import (
    Scalar,
    bias_correction,
    power,
    scalar_dtype,
    scalar_like,
    square_root,
)
from keras_trainkit.optimizers._update_groups import Group


class NadamScalars(NamedTuple):
    """The scalars of a step: w <- w - size (g + momentum_ratio m) / (sqrt(v) + epsilon)."""

    size: Scalar
    """learning_rate * sqrt(1 - beta_2^t) * (1 - mu_t) / (1 - mu_1 ... mu_t)"""
    momentum_ratio: Scalar
    """mu_{t+1} / (1 - mu_t) * (1 - mu_1 ... mu_t) / (1 - mu_1 ... mu_{t+1})"""
    epsilon: Scalar
    """The argument times sqrt(1 - beta_2^t)."""
    beta_1: Scalar
    beta_2: Scalar


@register
class Nadam(MomentOptimizer):
    """Nadam: Adam whose step looks ahead by the momentum of the next step.

        mu_t = beta_1 * (1 - 0.5 * 0.96^(t * momentum_decay))
        m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t
        v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2
        m_hat = mu_{t+1} m_t / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g_t / (1 - mu_1 ... mu_t)
        w_t = w_{t-1} - learning_rate * m_hat / (sqrt(v_t / (1 - beta_2^t)) + epsilon)

    The numbers are those of `torch.optim.NAdam`. With `momentum_decay=1.0` they are those of
    `keras.optimizers.Nadam`, whose momentum has warmed up after a hundred steps, not after tens of
    thousands.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.001`.
        beta_1: float in [0, 1). Decay per step of the first moment. Defaults to `0.9`.
        beta_2: float in [0, 1). Decay per step of the second moment. Defaults to `0.999`.
        epsilon: float >= 0. Lower bound of the denominator. Defaults to `1e-8`.
        momentum_decay: float >= 0. Speed of the momentum's warm-up, per step. Defaults to `0.004`,
            Dozat's 1/250.
        **base_arguments: as in `Adam`, such as `weight_decay` (decoupled), `clipping` and
            `skip_nonfinite`.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `momentum_decay` (see above), and the default of `epsilon`, `1e-7` there.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import Nadam
        >>> weight = keras.Variable([1.0])
        >>> optimizer = Nadam(learning_rate=0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([4.0])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        0.8944

    Reference: Dozat, T. (2016), Incorporating Nesterov Momentum into Adam, ICLR workshop,
    Algorithm 2; the schedule in Dozat's technical report (2015) of the same title, section 5.
    """

    @shows_arguments_of(Optimizer)
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        momentum_decay: float = 0.004,
        **base_arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **base_arguments)
        self.momentum_decay = _validation.real("momentum_decay", momentum_decay, low=0.0)

    def _add_slots(self, variables: Sequence[keras.Variable]) -> None:
        super()._add_slots(variables)
        self._u_product = self._add_shared(1.0, scalar_dtype(variables), "momentum_product")

    def _step_scalars(self, learning_rate: Scalar, group: Group) -> NadamScalars:
        step, dtype = self._step_of(group), group.traits.dtype
        beta_1, beta_2, epsilon = self._constants(dtype)
        now, later = self._momentum(beta_1, step), self._momentum(beta_1, step + 1)
        # `_take_step` has multiplied this step's momentum in.
        product = scalar_like(step, self._u_product, dtype)
        root = square_root(bias_correction(beta_2, step))
        return NadamScalars(
            size=learning_rate * root * (1 - now) / (1 - product),
            momentum_ratio=later / (1 - now) * (1 - product) / (1 - product * later),
            epsilon=epsilon * root,
            beta_1=beta_1,
            beta_2=beta_2,
        )

    def _momentum(self, beta_1: Scalar, step: Scalar) -> Scalar:
        return beta_1 * (1 - 0.5 * power(0.96, step * self.momentum_decay))

    def _take_step(
        self, grads: list[Tensor], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        dtype = self._u_product.dtype
        beta_1, _, _ = self._constants(dtype)
        self._u_product.assign(
            self._u_product * self._momentum(beta_1, ops.cast(self.iterations + 1, dtype))
        )
        super()._take_step(grads, trainable_variables, learning_rate)

    def _update(
        self, gradient: Tensor, variable: Any, slots: Sequence[Any], scalars: NadamScalars
    ) -> None:
        momentum, velocity = slots
        m = self._blend(momentum, gradient, scalars.beta_1)
        v = self._blend(velocity, ops.square(gradient), scalars.beta_2)
        step = scalars.size * (gradient + scalars.momentum_ratio * m)
        step = step / (ops.sqrt(v) + scalars.epsilon)
        self.assign_sub(variable, ops.cast(step, variable.dtype))

    def _fused_update(self, fused: ModuleType) -> Callable | None:
        # TensorFlow has none.
        return getattr(fused, "nadam", None)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum_decay": self.momentum_decay,
        }
