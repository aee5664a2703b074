"""Adam, with the paper's epsilon."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Unpack

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor, larger
from keras_trainkit.optimizers._adam_family import MomentOptimizer
from keras_trainkit.optimizers._arguments import Arguments, shows_arguments_of
from keras_trainkit.optimizers._base import LearningRate, Optimizer
from keras_trainkit.optimizers._hyperparameters import Scalar, bias_correction, square_root
from keras_trainkit.optimizers._update_groups import Group


class AdamScalars(NamedTuple):
    """The scalars of one step: w <- w - step_size * m / (sqrt(v) + epsilon)."""

    step_size: Scalar
    """learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)"""
    epsilon: Scalar
    """The argument times sqrt(1 - beta_2^t), or as it is with `epsilon_hat`."""
    beta_1: Scalar
    beta_2: Scalar


@register
class Adam(MomentOptimizer):
    """Adam: steps scaled by bias-corrected moving moments of the gradient.

        m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t
        v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2
        m_hat = m_t / (1 - beta_1^t),  v_hat = v_t / (1 - beta_2^t)
        w_t = w_{t-1} - learning_rate * m_hat / (sqrt(v_hat) + epsilon)

    The numbers are those of the paper and of `torch.optim.Adam`. With `epsilon_hat=True` they are
    those of `keras.optimizers.Adam`, which implements the reordered form in front of the paper's
    section 2.1: epsilon is added to sqrt(v_t), before the bias correction, which makes it
    1 / sqrt(1 - beta_2^t) times larger, 32 times at the first step for the default `beta_2`.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.001`.
        beta_1: float in [0, 1). Decay per step of the first moment. Defaults to `0.9`.
        beta_2: float in [0, 1). Decay per step of the second moment. Defaults to `0.999`.
        epsilon: float >= 0. Lower bound of the denominator. Defaults to `1e-8`.
        amsgrad: bool. Use the largest v_t so far in place of v_t (Reddi et al. 2018, Algorithm 2,
            with bias correction, as PyTorch and Keras have it). Defaults to `False`.
        epsilon_hat: bool. Read `epsilon` as Keras does. Defaults to `False`.
        **base_arguments: Arguments of `keras.optimizers.Optimizer`, such as `weight_decay`
            (decoupled), `clipnorm`, `use_ema`, `gradient_accumulation_steps`, `name`, and those
            that all optimizers of this package share: `weight_decay_exclude`,
            `weight_decay_min_rank`, `learning_rate_multipliers`, `clipping`, `skip_nonfinite`.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `epsilon` (see above) and its default, `1e-7` there. On PyTorch the
    subclasses keep the multi-tensor update.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import Adam
        >>> weight = keras.Variable([1.0])
        >>> optimizer = Adam(learning_rate=0.1)
        >>> optimizer.apply([keras.ops.convert_to_tensor([4.0])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        0.9

    Reference: Kingma, D. & Ba, J. (2015), Adam: A Method for Stochastic Optimization,
    arXiv:1412.6980, Algorithm 1.
    """

    @shows_arguments_of(Optimizer)
    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        *,
        epsilon_hat: bool = False,
        **base_arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **base_arguments)
        self.amsgrad = _validation.boolean("amsgrad", amsgrad)
        self.epsilon_hat = _validation.boolean("epsilon_hat", epsilon_hat)

    def _add_slots(self, variables: Sequence[keras.Variable]) -> None:
        super()._add_slots(variables)
        if self.amsgrad:
            self._velocity_maxima = self.add_optimizer_variables(variables, "velocity_hat")

    def _slot_lists(self) -> Sequence[Sequence[Any]]:
        maxima = [self._velocity_maxima] if self.amsgrad else []
        return [*super()._slot_lists(), *maxima]

    def _step_scalars(self, learning_rate: Scalar, group: Group) -> AdamScalars:
        beta_1, beta_2, epsilon = self._constants(group.traits.dtype)
        step = self._step_of(group)
        root = square_root(bias_correction(beta_2, step))
        step_size = learning_rate * root / bias_correction(beta_1, step)
        return AdamScalars(
            step_size, epsilon if self.epsilon_hat else epsilon * root, beta_1, beta_2
        )

    def _update(
        self, gradient: Tensor, variable: Any, slots: Sequence[Any], scalars: AdamScalars
    ) -> None:
        momentum, velocity, *maximum = slots
        m = self._blend(momentum, gradient, scalars.beta_1)
        v = self._blend(velocity, ops.square(gradient), scalars.beta_2)
        if maximum:
            v = larger(ops.cast(maximum[0], v.dtype), v)
            self.assign(maximum[0], v)
        step = scalars.step_size * m / (ops.sqrt(v) + scalars.epsilon)
        self.assign_sub(variable, ops.cast(step, variable.dtype))

    def _fused_update(self, fused: ModuleType) -> Callable | None:
        # TensorFlow has none for `amsgrad` under XLA.
        return getattr(fused, "amsgrad" if self.amsgrad else "adam", None)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "amsgrad": self.amsgrad,
            "epsilon_hat": self.epsilon_hat,
        }
