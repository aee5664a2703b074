"""A model that trains at the look-ahead point: its way to the iterate and back."""

import math
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_trainkit import _fit, _validation  # noqa: F401  (`_fit` has the optimizer resume)
from keras_trainkit._tensors import Tensor
from keras_trainkit.optimizers._arguments import Arguments
from keras_trainkit.optimizers._base import Optimizer
from keras_trainkit.optimizers._hyperparameters import (
    Hyperparameter,
    Scalar,
    read,
    scalar_dtype,
    scalar_like,
)
from keras_trainkit.optimizers._update_groups import BACKEND

# The unit of the velocity in `keras.optimizers.SGD`, whose momentum is minus the velocity.
KERAS_UNIT = -1.0
# The lead of a model that has been moved to its iterate; else it is the momentum, from 0 up.
AT_ITERATE = -1.0


class LookAhead(Optimizer):
    """Base of a rule with a velocity: where the model is, and in which unit the velocity is held.

    Two scalars are saved beside the velocities. The *lead* says how many velocities the model is
    ahead of the iterate: the last step's momentum, or AT_ITERATE. The *unit* times a slot is v.
    """

    momentum = Hyperparameter(partial(_validation.real, low=0.0, high=1.0, high_open=True))

    def __init__(
        self,
        learning_rate: Any,
        momentum: float,
        nesterov: bool,
        torch_velocity: bool,
        **arguments: Unpack[Arguments],
    ) -> None:
        super().__init__(learning_rate=learning_rate, **arguments)
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
        self._lead = self._add_scalar(self.momentum, dtype, "lead")
        self._unit = self._add_scalar(unit, dtype, "velocity_unit")

    def _slot_lists(self) -> Sequence[Sequence[Any]]:
        return [self._velocities]

    # The position.

    @property
    def holds_iterate(self) -> bool:
        """Whether the model holds the iterate, as it always does without `nesterov`."""
        return not self.nesterov or _host_value(self._lead) == AT_ITERATE

    def at_iterate(self) -> "AtIterate":
        """Return a context in which the model holds the iterate; after it, every bit of before.

        In a callback on JAX touch `self.model` first, which brings the variables up to date.
        `keras_trainkit.callbacks.SwapIterate` does this for validation and checkpoints.
        """
        return AtIterate(self)

    def resume(self) -> None:
        """Move the model from the iterate back to the look-ahead point, if it is not there."""
        if self.built and self.nesterov and self.holds_iterate:
            self._move(-self.momentum)
            self._lead.assign(self.momentum)

    _resume_for_training = resume

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Leave the model at the iterate, or at its moving average with `use_ema`."""
        super().finalize_variable_values(var_list)
        if not self.built or not self.nesterov:
            return
        if not self.holds_iterate:
            self._move_to_iterate(moved=self.use_ema)

    def _move_to_iterate(self, moved: bool = False) -> None:
        """Move the model from the look-ahead point to the iterate, unless it is `moved` already."""
        if not moved:
            self._move(_host_value(self._lead))
        self._lead.assign(AT_ITERATE)

    def _move(self, velocities: float) -> None:
        """Move every variable by a multiple of its velocity."""
        for variable, velocity in zip(self._trained, self.velocities, strict=True):
            if velocity is not None:
                variable.assign_add(ops.cast(velocities * velocity, variable.dtype))

    def _iterate_of(self, index: int) -> Tensor:
        """Return the tensor w of a trained variable, wherever the model is; nothing is moved."""
        variable, velocity = self._trained[index], self._velocity(index)
        if velocity is None or self.holds_iterate:
            return ops.convert_to_tensor(variable)
        return variable + ops.cast(_host_value(self._lead) * velocity, variable.dtype)

    # The unit.

    @property
    def velocities(self) -> list[Tensor]:
        """The tensors v of the rule, in the order of the trained variables."""
        return [self._velocity(index) for index in range(len(self._velocities))]

    def _velocity(self, index: int) -> Tensor | None:
        """Return the tensor v of a trained variable, None where it has none."""
        slot = self._velocities[index]
        if slot is None:
            return None
        return _host_value(self._unit) * self._share(index) * ops.convert_to_tensor(slot)

    def _share(self, index: int) -> float:
        """Return the factor of the unit for a variable: that of its rate, if this is the unit."""
        return self._traits[index].multiplier if self.torch_velocity else 1.0

    def _unit_after(
        self, unit: Scalar, learning_rate: Scalar, momentum: Scalar, dtype: str
    ) -> tuple[Scalar, bool]:
        """Return the velocity's unit after a step, and whether one momentum does for the step."""
        on_host = isinstance(unit, float)
        if self.torch_velocity:
            return learning_rate, on_host and momentum > 0
        if not self.nesterov:
            return unit, on_host and momentum > 0
        if not (on_host and unit > 0 and learning_rate * momentum > 0):
            return unit, False
        # PyTorch's fused step takes one k: s <- k s + c g, w <- w - lr g - lr k s. With this unit
        # both lines are right for any sequence of learning rates, k = momentum * unit / new and
        # lr k = momentum * new. A learning rate that stays is its own unit.
        return float(np.dtype(dtype).type(math.sqrt(unit * learning_rate))), True

    def _unit_is_free(self) -> bool:
        """Say whether the unit may be what suits PyTorch's fused step."""
        return self.nesterov and not (self.torch_velocity or self.learning_rate_multipliers)

    def _set_unit(self, unit: float) -> None:
        """Express the velocities in another unit."""
        factor = _host_value(self._unit) / unit
        for i, slot in enumerate(self._velocities):
            if slot is not None and factor != 1:
                slot.assign(ops.cast(factor / (self._share(i) or 1.0) * slot, slot.dtype))
        self._unit.assign(unit)

    # Both, in a step and in files.

    def _take_step(
        self, grads: list[Tensor], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if keras.backend.backend() == "tensorflow":
            BACKEND.resume_outside_graph(self)
        elif keras.backend.backend() == "torch":
            self.resume()
        example, dtype = self._example_scalar(trainable_variables), self._unit.dtype
        unit, rate = (scalar_like(example, x, dtype) for x in (self._unit, learning_rate))
        if example is not None and self._unit_is_free() and unit < 0 < rate:
            self._set_unit(rate)
            unit = rate
        momentum = read(self, "momentum", dtype)
        unit, _ = self._unit_after(unit, rate, momentum, dtype)
        super()._take_step(grads, trainable_variables, learning_rate)
        self._unit.assign(unit)
        self._lead.assign(momentum)

    def load_own_variables(self, store: Any) -> None:
        """Restore the state; a model that was saved at its iterate resumes at the next `fit`.

        A file of `keras.optimizers.SGD` with momentum holds all but the position and the unit.
        """
        place = len(self._state) - 2
        if len(store.keys()) == place:
            store = {str(i): store[str(i)] for i in range(place)}
            store |= {str(place): self.momentum, str(place + 1): KERAS_UNIT}
        super().load_own_variables(store)
        if not self.built:
            return
        rate, unit = _host_value(self.learning_rate), _host_value(self._unit)
        if self.torch_velocity and unit < 0 < rate:
            self._set_unit(rate)
        elif keras.backend.backend() != "torch" and not self.torch_velocity:
            self._set_unit(KERAS_UNIT)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "torch_velocity": self.torch_velocity,
        }


class AtIterate:
    """Context in which a model holds the iterate of its `NAG`; after it, every bit of before.

    A context that is never left, because a `fit` was interrupted, costs nothing: the next `fit`
    resumes from the iterate.
    """

    def __init__(self, optimizer: LookAhead) -> None:
        self._optimizer = optimizer
        self._held: list[Any] | None = None
        self._lead = 0.0

    def __enter__(self) -> None:
        """Move to the iterate, if the model is not there."""
        optimizer = self._optimizer
        if not optimizer.built or optimizer.holds_iterate:
            return
        self._held = [ops.copy(variable.value) for variable in optimizer._trained]
        self._lead = _host_value(optimizer._lead)
        optimizer._move_to_iterate()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put back what the model held."""
        if self._held is None:
            return
        for variable, value in zip(self._optimizer._trained, self._held, strict=True):
            variable.assign(value)
        self._optimizer._lead.assign(self._lead)
        self._held = None

    def get_state(self) -> Any:
        """Return what the model held, as arrays of NumPy, and the lead; None if nothing."""
        if self._held is None:
            return None
        return {"held": [ops.convert_to_numpy(x) for x in self._held], "lead": self._lead}

    def set_state(self, state: Any) -> None:
        """Take up a visit whose model is at the iterate."""
        if state is not None:
            self._held, self._lead = state["held"], state["lead"]


def _host_value(scalar: Any) -> float:
    return float(ops.convert_to_numpy(scalar))
