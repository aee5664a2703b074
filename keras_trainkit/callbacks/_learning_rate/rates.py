"""The learning rates of the optimizers that train, and how one schedule drives several."""

import contextlib
import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import (
    counted_batches,
    given_learning_rate,
    held_by_jax_trainer,
    optimizers_of,
    wrapped_optimizers,
)
from keras_trainkit._patching import patched
from keras_trainkit._tensors import Tensor
from keras_trainkit._training_optimizers import training_optimizers
from keras_trainkit.callbacks._learning_rate.driven import Driven, Plan
from keras_trainkit.callbacks._training_state.variables import build_optimizer
from keras_trainkit.schedules._schedule import LearningRateSchedule, Schedule
from keras_trainkit.schedules.of_keras import checked_schedule

# What optimizers began with, and where a `fit` left them: the next one begins there again.
_LEFT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class DrivenRate(Driven):
    """The learning rate of an optimizer: what is planned, times what others made of it.

    Whoever assigns the rate in between, as `keras.callbacks.ReduceLROnPlateau` does, changes the
    multiplier: the plan goes on from the new height.

    Args:
        name: str. What the rate is called in the logs.
        model: the model that trains.
        optimizer: the optimizer.
        plan: a schedule in steps, or a function of the step.
        height: float > 0, which stands for the optimizer's own rate; None if the plan is the rate.

    Attributes:
        multiplier: float. The actual rate divided by the planned one.
        own: float. The rate that the optimizer had when its training began.
        knows_own: bool. Whether it is that, or what another process may have left.
    """

    def __init__(
        self, name: str, model: keras.Model, optimizer: Any, plan: Plan, height: float | None = None
    ) -> None:
        variable = rate_variable(
            optimizer,
            "a number of the optimizer where `LearningRate` drives it: move the schedule from the "
            "optimizer to the callback",
        )
        super().__init__(name, model, variable, plan)
        self.multiplier = 1.0
        self._planned, self._value = 0.0, 0.0
        self._assigned = False
        self._optimizer, self._height = optimizer, height
        rate = self._actual()
        self.own, left = _LEFT.get(optimizer, (rate, None))
        if left != rate:
            self.own = rate
        self.knows_own = left == rate or not counted_batches(optimizer)
        if height and not self.own:
            raise _validation.invalid(name, "above 0 where one schedule drives several", self.own)

    @property
    def value(self) -> float:
        """The learning rate that was set last."""
        return self._value

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Notice assignments meanwhile. Reading the variable instead would wait for the device."""
        assign = self._variable.assign

        def noticed(value: Tensor) -> Tensor:
            self._assigned = True
            return assign(value)

        with super().watched(), patched(self._variable, assign=noticed):
            try:
                yield
            finally:
                self._learn_multiplier()
                if not held_by_jax_trainer(self._variable):
                    _LEFT[self._optimizer] = self.own, self._actual()

    @property
    def _scale(self) -> float:
        return self.own / self._height if self._height else 1.0

    def _expect(self, planned: Sequence[float]) -> None:
        super()._expect([value * self._scale * self.multiplier for value in planned])

    def _set(self, planned: float) -> None:
        self._learn_multiplier()
        if not 0.0 <= planned < math.inf:
            raise _validation.invalid(self.name, "in [0, inf)", planned)
        self._planned = float(planned) * self._scale
        self._value = self._planned * self.multiplier
        self._scalar.write(self._value)
        self._assigned = False

    def _learn_multiplier(self) -> None:
        """Find what others have made of the rate, if they have assigned it."""
        # While JAX's trainer holds the value, only a trace has assigned anything. A plan of 0
        # stays 0 under any multiplier.
        if self._assigned and self._planned and not held_by_jax_trainer(self._variable):
            actual = np.asarray(keras.ops.convert_to_numpy(self._variable))
            # Keras itself assigns what is there already, rounded to the variable's type.
            if actual != np.asarray(self._value, actual.dtype):
                self.multiplier = float(actual) / self._planned

    def _actual(self) -> float:
        return float(keras.ops.convert_to_numpy(self._variable))

    def go_on(self, multiplier: float, epoch: int) -> None:
        """Begin at a later epoch, where the callback has left the multiplier before."""
        if self._height and not self.knows_own:
            raise ValueError(
                "`schedule` must be a dict from the optimizers' names to schedules where several "
                "are loaded in the middle of a training: what their own rates were is not in the "
                f"file. Received: initial_epoch={epoch}, {self.name}={self.own:.3g}"
            )
        self.multiplier *= multiplier

    def get_state(self) -> dict[str, float]:
        """Return what a resumed training needs."""
        return {
            "multiplier": self.multiplier,
            "planned": self._planned,
            "value": self._value,
            "own": self.own,
        }

    def set_state(self, state: dict[str, float]) -> None:
        """Continue from a state."""
        self.multiplier, self._planned = state["multiplier"], state["planned"]
        self._value = state["value"]
        self.own, self.knows_own = state.get("own", self.own), True


def driven_rates(
    model: keras.Model,
    optimizers: Mapping[str, Any],
    schedule: Plan | Mapping[str, Plan],
    in_steps: Callable[[Plan], Plan],
) -> list[DrivenRate]:
    """Return the rates that a schedule, or a mapping from optimizers to schedules, drives.

    Args:
        model: the model that trains.
        optimizers: the optimizers that train, by name.
        schedule: what the user gave.
        in_steps: function that returns a plan in steps of this training.
    """
    names = rate_names(optimizers)
    if isinstance(schedule, Mapping):
        return [
            DrivenRate(names[one], model, optimizers[one], in_steps(plan))
            for one, plan in schedule.items()
        ]
    plan = in_steps(schedule)
    if len(optimizers) == 1:
        return [DrivenRate(names[o], model, optimizers[o], plan) for o in optimizers]
    height = _height(plan)
    return [DrivenRate(names[o], model, optimizers[o], plan, height) for o in optimizers]


def chosen_optimizers(model: keras.Model) -> dict[str, Any]:
    """Return the optimizers that train, also those that a function chooses when they are built."""
    if any(wrapped_optimizers(one) == [] for one in optimizers_of(model)):
        build_optimizer(model)
    return training_optimizers(model)


def named_optimizers(
    optimizers: Mapping[str, Any], schedule: Plan | Mapping[str, Plan] | None
) -> list[Any]:
    """Return the optimizers whose rates are driven, or raise if a mapping names another."""
    if not isinstance(schedule, Mapping):
        return list(optimizers.values())
    for name in schedule:
        if name not in optimizers:
            known = ", ".join(map(repr, optimizers))
            raise _validation.invalid("schedule", f"a dict with names among {known}", name)
    return [optimizers[name] for name in schedule]


def rate_names(optimizers: Mapping[str, Any]) -> dict[str, str]:
    """Return what the logs call the rate of each optimizer."""
    alone = len(optimizers) == 1
    return {one: "learning_rate" if alone else f"{one}.learning_rate" for one in optimizers}


def rate_variable(optimizer: Any, requirement: str) -> keras.Variable:
    """Return the variable of an optimizer's learning rate, or raise if a schedule stands there."""
    rate = given_learning_rate(optimizer)
    if not isinstance(rate, keras.Variable):
        raise _validation.invalid("learning_rate", requirement, type(rate).__name__)
    return rate


def _height(plan: Plan) -> float:
    """Return the number of a schedule that stands for the own rate of each of several optimizers.

    A function has none: where it is lowest or highest nobody knows before its last step.
    """
    if isinstance(plan, LearningRateSchedule):
        plan = checked_schedule("schedule", plan)
    if not isinstance(plan, Schedule) or not plan.height:
        raise _validation.invalid(
            "schedule",
            "a schedule above 0, or a dict from their names to functions, where several "
            "optimizers train",
            plan,
        )
    return plan.height
