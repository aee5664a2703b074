"""Nesterov's accelerated gradient, with the iterate given back."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit.optimizers._base import LearningRate, Optimizer
from keras_trainkit.optimizers._hyperparameters import (
    Hyperparameter,
    read,
    scalar_dtype,
    scalar_like,
)
from keras_trainkit.optimizers._look_ahead import AtIterate

# The unit of the velocity in `keras.optimizers.SGD`, whose momentum is minus the velocity.
KERAS_UNIT = -1.0
# The lead of a model that has been moved to its iterate; else it is the momentum, from 0 up.
AT_ITERATE = -1.0


class NAGNumbers(NamedTuple):
    """The scalars of a step on a slot s with v = unit * s.

    s <- kept * s + gain * g,   w <- w - learning_rate * g - carried * s
    """

    learning_rate: Any
    momentum: Any
    kept: Any
    """momentum * (old unit) / unit, or `momentum` with `torch_velocity`."""
    gain: Any
    """learning_rate / unit, or 1 with `torch_velocity`."""
    carried: Any
    """momentum * unit, or unit without `nesterov`, where w loses no learning_rate * g."""
    unit: Any
    missing: Any
    """The unit before the step if the model holds the iterate, else 0."""
    nesterov: bool
    torch_velocity: bool
    one_momentum: bool
    """Whether PyTorch's kernel, which has one momentum for both lines, can take the step."""


@register
class NAG(Optimizer):
    """Nesterov's accelerated gradient (NAG): the gradient is taken at the look-ahead point.

        v_t     = momentum * v_{t-1} + learning_rate * grad L(w_t - momentum * v_{t-1})
        w_{t+1} = w_t - v_t

    While a model trains, its variables hold the look-ahead point w - momentum * v, because that
    is where the gradient is due. When `fit` ends they hold the iterate w, and the next `fit`
    first moves them back: two `fit` calls follow the recursion as one does, to rounding error,
    also with the model saved and loaded in between. `keras_trainkit.callbacks.SwapIterate` has
    validation and checkpoints see w during `fit`; `at_iterate()` gives it at any other time. The
    learning rate is part of the velocity, so the recursion is exact under a schedule.

    With `nesterov=False` this is the heavy ball: the gradient is taken at w, which the model always
    holds. With `torch_velocity=True` the velocity is free of the learning rate, as PyTorch has it:

        u_t = momentum * u_{t-1} + gradient,   and v_t = learning_rate * u_t in the second line

    which differs where the learning rate changes: there a lower rate slows at once all that was
    gathered, and here only what is new.

    In a training loop of your own, `finalize_variable_values(variables)` moves to the iterate
    and `resume()` back to the look-ahead point.

    Args:
        learning_rate: float >= 0, or a `keras.optimizers.schedules.LearningRateSchedule` over
            steps, or a callable without arguments. Defaults to `0.01`.
        momentum: float in [0, 1). Share of the velocity kept per step. Defaults to `0.9`.
        nesterov: bool. Take the gradient at the look-ahead point. Defaults to `True`.
        torch_velocity: bool. Keep the learning rate out of the velocity. Defaults to `False`.
        name: str. Name of the optimizer. Defaults to one made from the class name.
        **base_arguments: Arguments of `keras.optimizers.Optimizer`, such as `weight_decay`
            (decoupled), `clipnorm`, `use_ema` (averages the look-ahead points),
            `gradient_accumulation_steps`, and those that all optimizers of this package share:
            `weight_decay_exclude`, `weight_decay_min_rank`, `learning_rate_multipliers`,
            `clipping`, `skip_nonfinite`.

    Attributes:
        velocities: list of tensors v, in the order of the trained variables.
        holds_iterate: bool. Whether the model holds the iterate.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: `keras.optimizers.SGD(nesterov=True)` takes the same steps and leaves the
    model at the look-ahead point when training ends. The variables of the optimizer hold v in the
    unit that the backend's kernel wants: -v, as Keras has it, and v / learning_rate on PyTorch.

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

    momentum = Hyperparameter(partial(_validation.real, low=0.0, high=1.0, high_open=True))

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.9,
        nesterov: bool = True,
        *,
        torch_velocity: bool = False,
        name: str | None = None,
        **base_arguments: Any,
    ) -> None:
        """Check and keep the rule's constants."""
        super().__init__(learning_rate=learning_rate, name=name, **base_arguments)
        self.momentum = momentum
        self.nesterov = _validation.boolean("nesterov", nesterov)
        self.torch_velocity = _validation.boolean("torch_velocity", torch_velocity)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create a zero velocity for every variable, and what tells position and unit."""
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "momentum")
        unit = 0.0 if self.torch_velocity else KERAS_UNIT  # The first rate will be that unit.
        dtype = scalar_dtype(variables)
        self._lead = self.add_scalar(self.momentum, dtype, "lead")
        self._unit = self.add_scalar(unit, dtype, "velocity_unit")

    def slot_lists(self) -> Sequence[Sequence[Any]]:
        """Return the velocities in their unit."""
        return [self._velocities]

    def numbers(self, learning_rate: Any, step: Any, dtype: str) -> NAGNumbers:
        """Return the scalars of a step."""
        momentum = read(self, "momentum", dtype)
        lead, old = (scalar_like(step, x, dtype) for x in (self._lead, self._unit))
        unit, one_momentum = self._unit_after(old, learning_rate, momentum, dtype)
        return NAGNumbers(
            learning_rate=learning_rate,
            momentum=momentum,
            kept=momentum if self.torch_velocity else momentum * old / unit,
            gain=1.0 if self.torch_velocity else learning_rate / unit,
            carried=momentum * unit if self.nesterov else unit,
            unit=unit,
            missing=scalar_like(step, lead == AT_ITERATE, dtype) * old,
            nesterov=self.nesterov,
            torch_velocity=self.torch_velocity,
            one_momentum=one_momentum,
        )

    def _unit_after(
        self, unit: Any, learning_rate: Any, momentum: Any, dtype: str
    ) -> tuple[Any, bool]:
        """Return the velocity's unit after a step, and whether one momentum does for the step."""
        on_host = isinstance(unit, float)
        if self.torch_velocity:
            return learning_rate, on_host and momentum > 0
        if not self.nesterov:
            return unit, on_host and momentum > 0
        if not (on_host and unit > 0 and learning_rate * momentum > 0):
            return unit, False
        # PyTorch's kernel takes one k: s <- k s + c g, w <- w - lr g - lr k s. With this unit both
        # lines are right for any sequence of learning rates, k = momentum * unit / new and
        # lr k = momentum * new. A learning rate that stays is its own unit.
        return float(np.dtype(dtype).type(math.sqrt(unit * learning_rate))), True

    def update(
        self, gradient: Any, variable: Any, slots: Sequence[Any], numbers: NAGNumbers
    ) -> None:
        """Apply the rule to one variable."""
        (velocity,) = slots
        new = _moved(ops.cast(velocity, gradient.dtype), gradient, numbers.kept, numbers.gain)
        self.assign(velocity, new)
        weights, carried = ops.cast(variable, gradient.dtype), numbers.carried
        if self.nesterov:
            # From the iterate the step first goes to the look-ahead point, one momentum * v back.
            # That is missing * (new - gain * g): the old velocity need not be read again.
            missing = numbers.missing * self._share(self._get_variable_index(variable))
            weights = weights - (numbers.learning_rate - missing * numbers.gain) * gradient
            carried = carried + missing
        self.assign(variable, ops.cast(weights - carried * new, variable.dtype))

    def kernel(self, kernels: ModuleType) -> Callable | None:
        """Return the fused update."""
        return kernels.nag

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if keras.backend.backend() == "tensorflow":
            from keras_trainkit.optimizers import _tensorflow

            _tensorflow.resume_outside_graph(self)
        elif keras.backend.backend() == "torch":
            self.resume()
        model, dtype = self.scalar_model(trainable_variables), self._unit.dtype
        unit, rate = (scalar_like(model, x, dtype) for x in (self._unit, learning_rate))
        if model is not None and self._unit_is_free() and unit < 0 < rate:
            self._set_unit(rate)
            unit = rate
        momentum = read(self, "momentum", dtype)
        unit, _ = self._unit_after(unit, rate, momentum, dtype)
        super()._backend_update_step(grads, trainable_variables, learning_rate)
        self._unit.assign(unit)
        self._lead.assign(momentum)

    def _unit_is_free(self) -> bool:
        """Say whether the unit may be what suits PyTorch's kernel."""
        return self.nesterov and not (self.torch_velocity or self.learning_rate_multipliers)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave the model at the iterate, or at its moving average with `use_ema`."""
        super().finalize_variable_values(var_list)
        if not self.built or not self.nesterov:
            return
        if not self.holds_iterate:
            self.move_to_iterate(moved=self.use_ema)

    def resume(self) -> None:
        """Move the model from the iterate back to the look-ahead point, if it is not there."""
        if self.built and self.nesterov and self.holds_iterate:
            self._move(-self.momentum)
            self.lead = self.momentum

    def move_to_iterate(self, moved: bool = False) -> None:
        """Move the model from the look-ahead point to the iterate, unless it is `moved` already."""
        if not moved:
            self._move(self.lead)
        self.lead = AT_ITERATE

    @property
    def lead(self) -> float:
        """How many v the model is ahead of the iterate: the last step's momentum, or AT_ITERATE."""
        return float(ops.convert_to_numpy(self._lead))

    @lead.setter
    def lead(self, velocities: float) -> None:
        self._lead.assign(velocities)

    @property
    def holds_iterate(self) -> bool:
        """Whether the model holds the iterate, as it always does without `nesterov`."""
        return not self.nesterov or self.lead == AT_ITERATE

    @property
    def trained_variables(self) -> list[Any]:
        """The variables that the optimizer was built for."""
        return self._trainable_variables

    @property
    def velocities(self) -> list[Any]:
        """The tensors v of the rule, in the order of the trained variables."""
        return [self._velocity(index) for index in range(len(self._velocities))]

    def iterate_of(self, index: int) -> Any:
        """Return the tensor w of a trained variable, wherever the model is; nothing is moved."""
        variable, velocity = self._trainable_variables[index], self._velocity(index)
        if velocity is None or self.holds_iterate:
            return ops.convert_to_tensor(variable)
        return variable + ops.cast(self.lead * velocity, variable.dtype)

    def at_iterate(self) -> AtIterate:
        """Return a context in which the model holds the iterate; after it, every bit of before.

        In a callback on JAX touch `self.model` first, which brings the variables up to date.
        `keras_trainkit.callbacks.SwapIterate` does this for validation and checkpoints.
        """
        return AtIterate(self)

    def load_own_variables(self, store: Any) -> None:
        """Restore the state; a model that was saved at its iterate resumes at the next `fit`.

        A file of `keras.optimizers.SGD` with momentum holds all but the position and the unit.
        """
        place = len(self._variables) - 2
        if len(store.keys()) == place:
            store = {str(i): store[str(i)] for i in range(place)}
            store |= {str(place): self.momentum, str(place + 1): KERAS_UNIT}
        super().load_own_variables(store)
        if not self.built:
            return
        rate, unit = (float(ops.convert_to_numpy(x)) for x in (self.learning_rate, self._unit))
        if self.torch_velocity and unit < 0 < rate:
            self._set_unit(rate)
        elif keras.backend.backend() != "torch" and not self.torch_velocity:
            self._set_unit(KERAS_UNIT)

    def _move(self, velocities: float) -> None:
        """Move every variable by a multiple of its velocity."""
        for variable, velocity in zip(self._trainable_variables, self.velocities, strict=True):
            if velocity is not None:
                variable.assign_add(ops.cast(velocities * velocity, variable.dtype))

    def _velocity(self, index: int) -> Any:
        """Return the tensor v of a trained variable, None where it has none."""
        slot = self._velocities[index]
        if slot is None:
            return None
        unit = float(ops.convert_to_numpy(self._unit)) * self._share(index)
        return unit * ops.convert_to_tensor(slot)

    def _share(self, index: int) -> float:
        """Return the factor of the unit for a variable: that of its rate, if this is the unit."""
        return self._traits[index].multiplier if self.torch_velocity else 1.0

    def _set_unit(self, unit: float) -> None:
        """Express the velocities in another unit."""
        factor = float(ops.convert_to_numpy(self._unit)) / unit
        for i, slot in enumerate(self._velocities):
            if slot is not None and factor != 1:
                slot.assign(ops.cast(factor / (self._share(i) or 1.0) * slot, slot.dtype))
        self._unit.assign(unit)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "torch_velocity": self.torch_velocity,
        }


def _moved(slot: Any, gradient: Any, kept: Any, gain: Any) -> Any:
    """Return kept * slot + gain * gradient."""
    # A sum of two products can be fused and rounded in two ways. This one has one product, so the
    # update is the same bit for bit whatever else a compiled step does with the gradient.
    if isinstance(kept, float):
        return kept * (slot + gain / kept * gradient) if kept else gain * gradient
    return ops.where(kept != 0, kept * (slot + gain / kept * gradient), gain * gradient)
