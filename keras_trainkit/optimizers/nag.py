"""Nesterov's accelerated gradient, with the iterate given back."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._precision import at_least_float32
from keras_trainkit._register import register
from keras_trainkit.optimizers._base import LearningRate, Optimizer, dense
from keras_trainkit.optimizers._next_fit import resume_at_next_fit


@register
class NAG(Optimizer):
    """Nesterov's accelerated gradient (NAG): the gradient is taken at the look-ahead point.

        v_t     = momentum * v_{t-1} + learning_rate * grad L(w_t - momentum * v_{t-1})
        w_{t+1} = w_t - v_t

    While a model trains, its variables hold the look-ahead point w - momentum * v, because that
    is where the gradient is due. When `fit` ends they hold the iterate w, and the next `fit`
    first moves them back: two `fit` calls follow the recursion as one does, to rounding error,
    also with the model saved and loaded in between. `at_iterate()` gives w at any other time.
    The learning rate is part of the velocity, so the recursion is exact under a schedule.

    In a training loop of your own, `finalize_variable_values(variables)` moves to the iterate
    and `resume()` back to the look-ahead point.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.01`.
        momentum: float in [0, 1). Share of the velocity kept per step. Defaults to `0.9`.
        name: str. Name of the optimizer. Defaults to `"nag"`.
        **base_arguments: Arguments of `keras.optimizers.Optimizer`, such as `weight_decay`
            (decoupled), `clipnorm`, `use_ema` (averages the look-ahead points),
            `gradient_accumulation_steps`.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `keras.optimizers.SGD(nesterov=True)` takes the same steps and leaves the
    model at the look-ahead point when training ends.

    Example:
        >>> import keras
        >>> from keras_trainkit.optimizers import NAG
        >>> weight = keras.Variable([1.0])
        >>> optimizer = NAG(learning_rate=0.1, momentum=0.5)
        >>> optimizer.apply([keras.ops.convert_to_tensor([2.0])], [weight])
        >>> round(float(weight.numpy()[0]), 4)
        0.7
        >>> with optimizer.at_iterate():
        ...     round(float(weight.numpy()[0]), 4)
        0.8

    Reference: Sutskever, I., Martens, J., Dahl, G. & Hinton, G. (2013), On the importance of
    initialization and momentum in deep learning, ICML, equations 3 and 4, with the velocity's
    sign turned; Bengio, Y., Boulanger-Lewandowski, N. & Pascanu, R. (2013), arXiv:1212.0901,
    section 3.5, for holding the look-ahead point.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.9,
        *,
        name: str = "nag",
        **base_arguments: Any,
    ) -> None:
        """Check and keep the rule's constants."""
        super().__init__(learning_rate=learning_rate, name=name, **base_arguments)
        self.momentum = _validation.real("momentum", momentum, low=0.0, high=1.0, high_open=True)

    def build(self, variables: list[keras.Variable]) -> None:
        """Create a zero velocity for every variable, and the mark of the model's position."""
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._holds_iterate = self.add_variable(
            (), dtype="bool", aggregation="only_first_replica", name="holds_iterate"
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Apply the rule to one variable."""
        velocity = self._velocities[self._get_variable_index(variable)]
        dtype = at_least_float32(variable.dtype)
        old, rate = ops.cast(velocity, dtype), ops.cast(learning_rate, dtype)
        new = self._next_velocity(old, dense(gradient, dtype), rate)
        iterate = ops.cast(variable, dtype) + self._displacement(dtype) * old
        self.assign(velocity, new)
        self.assign(variable, ops.cast(iterate - (1 + self.momentum) * new, variable.dtype))

    def _next_velocity(self, velocity: Any, gradient: Any, learning_rate: Any) -> Any:
        """Return momentum * velocity + learning_rate * gradient."""
        if not self.momentum:
            return learning_rate * gradient
        # A sum of two products can be fused and rounded in two ways; this one has one product, so
        # the update is the same bit for bit whatever else a compiled step does with the gradient.
        return self.momentum * (velocity + (learning_rate / self.momentum) * gradient)

    def update_all(self, gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
        """Apply the rule to every variable by multi-tensor kernels (PyTorch)."""
        from keras_trainkit.optimizers import _torch

        dtype = at_least_float32(variables[0].dtype)
        _torch.nag(
            [variable.value for variable in variables],
            gradients,
            self.slots(self._velocities, variables),
            ops.cast(learning_rate, dtype),
            self._displacement(dtype),
            self.momentum,
        )

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        super()._backend_update_step(grads, trainable_variables, learning_rate)
        self._holds_iterate.assign(False)

    def _displacement(self, dtype: str) -> Any:
        """Return how many velocities the iterate lies ahead of what the model holds."""
        return self.momentum * (1 - ops.cast(self._holds_iterate, dtype))

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave the model at the iterate, or at its moving average with `use_ema`."""
        super().finalize_variable_values(var_list)
        if not self.built or self._at_iterate():
            return
        if not self.use_ema:
            self._move(self.momentum)
        self._holds_iterate.assign(True)
        resume_at_next_fit(self)

    def resume(self) -> None:
        """Move the model from the iterate back to the look-ahead point, if it is not there."""
        if self.built and self._at_iterate():
            self._move(-self.momentum)
            self._holds_iterate.assign(False)

    @contextlib.contextmanager
    def at_iterate(self) -> Iterator[None]:
        """Hold the iterate in the model inside a `with` block, and put back bit for bit after it.

        In a callback on JAX touch `self.model` first, which brings the variables up to date.
        """
        if not self.built or self._at_iterate():
            yield
            return
        held = [ops.copy(variable.value) for variable in self._trainable_variables]
        self._move(self.momentum)
        self._holds_iterate.assign(True)
        try:
            yield
        finally:
            for variable, value in zip(self._trainable_variables, held, strict=True):
                variable.assign(value)
            self._holds_iterate.assign(False)

    def load_own_variables(self, store: Any) -> None:
        """Restore the state; a model that was saved at its iterate resumes at the next `fit`."""
        super().load_own_variables(store)
        if self.built and self._at_iterate():
            resume_at_next_fit(self)

    def _at_iterate(self) -> bool:
        return bool(ops.convert_to_numpy(self._holds_iterate))

    def _move(self, velocities: float) -> None:
        """Move every variable by a multiple of its velocity."""
        for variable, velocity in zip(self._trainable_variables, self._velocities, strict=True):
            if velocity is not None:
                variable.assign_add(ops.cast(velocities * velocity, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "momentum": self.momentum}
