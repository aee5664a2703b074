"""Adam, with the paper's epsilon."""

from typing import Any

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._precision import at_least_float32
from keras_trainkit._register import register
from keras_trainkit.optimizers._base import (
    LearningRate,
    Optimizer,
    bias_correction,
    dense,
)


@register
class Adam(Optimizer):
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
        name: str. Name of the optimizer. Defaults to `"adam"`.
        **base_arguments: Arguments of `keras.optimizers.Optimizer`, such as `weight_decay`
            (decoupled), `clipnorm`, `use_ema`, `gradient_accumulation_steps`.

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

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        *,
        epsilon_hat: bool = False,
        name: str = "adam",
        **base_arguments: Any,
    ) -> None:
        """Check and keep the rule's constants."""
        super().__init__(learning_rate=learning_rate, name=name, **base_arguments)
        self.beta_1 = _validation.real("beta_1", beta_1, low=0.0, high=1.0, high_open=True)
        self.beta_2 = _validation.real("beta_2", beta_2, low=0.0, high=1.0, high_open=True)
        self.epsilon = _validation.real("epsilon", epsilon, low=0.0)
        self.amsgrad = _validation.boolean("amsgrad", amsgrad)
        self.epsilon_hat = _validation.boolean("epsilon_hat", epsilon_hat)

    def build(self, variables: list[keras.Variable]) -> None:
        """Create a zero momentum and velocity (and maximum) for every variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        if self.amsgrad:
            self._velocity_maxima = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply the rule to one variable."""
        index = self._get_variable_index(variable)
        dtype = at_least_float32(variable.dtype)
        gradient = dense(gradient, dtype)
        m = self._blend(self._momentums[index], gradient, self.beta_1)
        v = self._blend(self._velocities[index], ops.square(gradient), self.beta_2)
        if self.amsgrad:
            v = ops.maximum(ops.cast(self._velocity_maxima[index], dtype), v)
            self.assign(self._velocity_maxima[index], v)
        step_size, root_scale = self._scales(learning_rate, dtype)
        step = step_size * m / (root_scale * ops.sqrt(v) + self.epsilon)
        self.assign_sub(variable, ops.cast(step, variable.dtype))

    def update_all(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
        """Apply the rule to every variable by multi-tensor kernels (PyTorch)."""
        from keras_trainkit.optimizers import _torch

        step_size, root_scale = self._scales(learning_rate, at_least_float32(variables[0].dtype))
        _torch.adam(
            [variable.value for variable in variables],
            gradients,
            self.slots(self._momentums, variables),
            self.slots(self._velocities, variables),
            self.slots(self._velocity_maxima, variables) if self.amsgrad else None,
            step_size,
            root_scale,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )

    def _blend(self, moment: Any, value: Any, beta: float) -> Any:
        """Move a moment towards `value` and return it."""
        old = ops.cast(moment, value.dtype)
        # One product, not two: compilers then round it in one way (see `NAG`).
        moved = old + (1 - beta) * (value - old)
        self.assign(moment, moved)
        return moved

    def _scales(self, learning_rate: Any, dtype: str) -> tuple[Any, Any]:
        """Return the factors of m and of sqrt(v) in the step, both scalars."""
        learning_rate = ops.cast(learning_rate, dtype)
        step = ops.cast(self.iterations + 1, dtype)
        first = bias_correction(self.beta_1, step)
        root = ops.sqrt(bias_correction(self.beta_2, step))
        if self.epsilon_hat:
            return learning_rate * root / first, ops.ones_like(root)
        return learning_rate / first, 1 / root

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
            "epsilon_hat": self.epsilon_hat,
        }
