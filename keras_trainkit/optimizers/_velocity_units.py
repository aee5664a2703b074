"""The unit in which an optimizer holds each of its velocities."""

import itertools
import math
from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._older_state import read_older
from keras_trainkit._tensors import Tensor
from keras_trainkit.optimizers._hyperparameters import Scalar, scalar_like
from keras_trainkit.optimizers._look_ahead import (
    LookAhead,
    host_values,
    set_entries,
    set_entries_in_graph,
)
from keras_trainkit.optimizers._update_groups import Group

# The unit of the velocity in `keras.optimizers.SGD`, whose momentum is minus the velocity.
KERAS_UNIT = -1.0


class VelocityUnits(LookAhead):
    """Base of a rule whose slots hold its velocities: a variable's unit times its slot is v.

    With `torch_velocity` the unit is the learning rate of the variable's last step. Else it is
    KERAS_UNIT, or what PyTorch's fused step makes of it. Variables that take part in the same steps
    have the same.
    """

    # Those of `learning_rate_multipliers`, one for each variable.
    _factors: np.ndarray
    # The units before the running step of PyTorch, if they are not the learning rates.
    _units_of_step: list[float] | None = None

    def __init__(self, *arguments: Any, torch_velocity: bool, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.torch_velocity = _validation.boolean("torch_velocity", torch_velocity)

    def _add_slots(self, variables: Sequence[keras.Variable]) -> None:
        super()._add_slots(variables)
        if self._has_velocity:
            unit = 0.0 if self.torch_velocity else KERAS_UNIT  # The first rate will be that unit.
            self._unit = self._add_per_variable(unit, "velocity_unit", variables)
            read_older(self._unit, (), self._unit_for_each)
            self.__dict__["_factors"] = np.array([own.multiplier for own in self._traits])

    @property
    def velocities(self) -> list[Tensor]:
        """The tensors v of the rule, in the order of the trained variables; [] without momentum."""
        return [self._velocity(i) for i in range(len(self._trained))] if self._has_velocity else []

    def _velocity(self, index: int) -> Tensor | None:
        slot = self._velocities[index]
        if slot is None:
            return None
        return host_values(self._unit)[index] * ops.convert_to_tensor(slot)

    # In a step.

    def _take_step(
        self, grads: list[Tensor], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if not self._has_velocity:
            super()._take_step(grads, trainable_variables, learning_rate)
            return
        units = host_values(self._unit) if keras.backend.backend() == "torch" else None
        self.__dict__["_units_of_step"] = None if self.torch_velocity else units
        super()._take_step(grads, trainable_variables, learning_rate)
        dtype = self._unit.dtype
        rate = scalar_like(self._example_scalar(self._unit.value), learning_rate, dtype)
        if units and isinstance(rate, float):
            after = [
                (group.indices, self._units_for(group, rate * group.traits.multiplier)[1])
                for group, _ in self._known_groups[-1]
            ]
            set_entries(self._unit, units, after)
        elif self.torch_velocity:
            rates = rate * ops.cast(self._factors, dtype)
            set_entries_in_graph(self._unit, self._indices_of(trainable_variables), rates)

    def _parts(self) -> Sequence[Hashable]:
        """Tell variables apart by the first that has the same unit."""
        if self._units_of_step is None:
            return super()._parts()
        first: dict[float, int] = {}
        return list(map(first.setdefault, self._units_of_step, itertools.count()))

    def _units_for(self, group: Group, learning_rate: Scalar) -> tuple[Scalar, Scalar]:
        """Return a group's unit before a step, unless it is the learning rate, and after it."""
        if self.torch_velocity:
            return learning_rate, learning_rate
        if self._units_of_step is None:
            return KERAS_UNIT, KERAS_UNIT
        unit = self._units_of_step[group.indices[0]]
        return unit, self._unit_after(unit, learning_rate)

    def _unit_after(self, unit: float, learning_rate: Scalar) -> float:
        """Return the unit after a step on PyTorch."""
        if not (self.nesterov and isinstance(learning_rate, float) and learning_rate > 0):
            return unit
        # PyTorch's fused step takes one k: s <- k s + c g, w <- w - lr g - lr k s. With this unit
        # both lines are right for any sequence of learning rates, k = momentum * unit / new and
        # lr k = momentum * new. A learning rate that stays is its own unit.
        after = math.sqrt(unit * learning_rate) if unit > 0 else learning_rate
        return np.dtype(self._unit.dtype).type(after).item() or unit

    # In files.

    def _set_units(self, units: dict[int, float]) -> None:
        """Express velocities in other units."""
        held = host_values(self._unit)
        for i, unit in units.items():
            slot = self._velocities[i]
            if slot is not None and held[i] != unit:
                slot.assign(ops.cast(held[i] / unit * slot, slot.dtype) if unit else slot)
        set_entries(self._unit, held, [([i], unit) for i, unit in units.items()])

    def _unit_for_each(self, unit: np.ndarray) -> np.ndarray:
        """Return the units that one for all meant, times the factor of each learning rate."""
        acts = self.torch_velocity and unit > 0
        return unit * (self._factors if acts else np.ones_like(self._factors))

    def _restore(self, store: dict[str, Any]) -> None:
        """Restore the state; a model that was saved at its iterate resumes at the next `fit`.

        A file of `keras.optimizers.SGD` with momentum holds all but the leads and the units.
        """
        super()._restore(self._completed(store))
        if not self._has_velocity:
            return
        units = enumerate(host_values(self._unit))
        if self.torch_velocity:
            rates = float(ops.convert_to_numpy(self.learning_rate)) * self._factors
            self._set_units({i: rates[i] for i, unit in units if unit < 0 < rates[i]})
        elif keras.backend.backend() != "torch":
            self._set_units({i: KERAS_UNIT for i, _ in units})

    def _completed(self, store: dict[str, Any]) -> dict[str, Any]:
        """Return what a file holds, in the form that it would have now."""
        count, own = len(self._trained), len(self._state)
        if not self._has_velocity:  # Velocities of a file are of no use.
            longer = (own + count, own + count + 2)
            return {str(i): store[str(i)] for i in range(own)} if len(store) in longer else store
        if len(store) == own - 2:
            store = {**store, str(own - 2): self.momentum, str(own - 1): KERAS_UNIT}
        return store

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "torch_velocity": self.torch_velocity}
