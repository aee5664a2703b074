"""The numbers that follow a plan: a learning rate, and runtime numbers."""

import abc
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import innermost_optimizer, optimizers_of
from keras_trainkit._patching import patched
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber, held_by_jax_trainer
from keras_trainkit._tensors import Tensor
from keras_trainkit.callbacks._learning_rate.scalar import scalar
from keras_trainkit.schedules._schedule import Schedule

# A schedule in steps of the training, or any other function from the step to a number.
Plan: TypeAlias = Callable[[int], Any]

STEPS = 256


class TabulatedSchedule:
    """A schedule as a function of the step that is worked out for many steps at once.

    Args:
        schedule: a schedule of this package, with durations in steps.
        expect: function that is told the numbers of the steps to come.
    """

    def __init__(self, schedule: Schedule, expect: Callable[[Sequence[float]], None]) -> None:
        self._schedule, self._expect = schedule, expect
        self._first = 0
        self._values: list[float] = []

    def __call__(self, step: int) -> float:
        """Return the number at `step`."""
        if not 0 <= step - self._first < len(self._values):
            self._first = step
            self._values = self._schedule(np.arange(step, step + STEPS)).tolist()
            self._expect(self._values)
        return self._values[step - self._first]


class Driven(abc.ABC):
    """A number of the model that trains, which follows a plan.

    Args:
        name: str. What the number is called in the logs.
        model: the model that trains.
        variable: through which compiled steps read the number.
        plan: a schedule in steps, or a function of the step.
    """

    def __init__(self, name: str, model: keras.Model, variable: keras.Variable, plan: Plan) -> None:
        self.name = name
        self._scalar = scalar(model, variable)
        self._plan = plan
        if isinstance(plan, Schedule):
            self._plan = TabulatedSchedule(plan, self._expect)

    def follow(self, step: int) -> None:
        """Set the number to what is planned for this step."""
        value = self._plan(step)
        self._set(value if isinstance(value, float) else as_float(self.name, value))

    def _expect(self, planned: Sequence[float]) -> None:
        """Prepare for what is planned for the steps to come."""
        self._scalar.expect(planned)

    @property
    @abc.abstractmethod
    def value(self) -> float:
        """The number as it is."""

    @abc.abstractmethod
    def _set(self, planned: float) -> None:
        """Set the number, or raise if it is outside its interval."""


class DrivenRate(Driven):
    """The learning rate of an optimizer: what is planned, times what others made of it.

    Whoever assigns the rate in between, as `keras.callbacks.ReduceLROnPlateau` does, changes the
    multiplier: the plan goes on from the new height.

    Args:
        model: the model that trains.
        plan: a schedule in steps, or a function of the step.

    Attributes:
        multiplier: float. The actual rate divided by the planned one.
    """

    def __init__(self, model: keras.Model, plan: Plan) -> None:
        self._variable = rate_variable(
            model,
            "a number of the optimizer where `LearningRate` drives it: move the schedule from the "
            "optimizer to the callback",
        )
        super().__init__("learning_rate", model, self._variable, plan)
        self.multiplier = 1.0
        self._planned, self._value = 0.0, 0.0
        self._assigned = False

    @property
    def value(self) -> float:
        """The learning rate that was set last."""
        return self._value

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Notice assignments meanwhile. Reading the variable instead would wait for the device."""
        if "assign" in vars(self._variable):
            raise ValueError(
                "`callbacks` must hold one `LearningRate` with a schedule: one value would "
                "overwrite the other. Join the schedules with `then`, or multiply them."
            )
        assign = self._variable.assign

        def noticed(value: Tensor) -> Tensor:
            self._assigned = True
            return assign(value)

        with patched(self._variable, assign=noticed):
            try:
                yield
            finally:
                self._learn_multiplier()

    def _expect(self, planned: Sequence[float]) -> None:
        super()._expect([value * self.multiplier for value in planned])

    def _set(self, planned: float) -> None:
        self._learn_multiplier()
        if not 0.0 <= planned < math.inf:
            raise _validation.invalid(self.name, "in [0, inf)", planned)
        self._planned = float(planned)
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

    def get_state(self) -> dict[str, float]:
        """Return what a resumed training needs."""
        return {"multiplier": self.multiplier, "planned": self._planned, "value": self._value}

    def set_state(self, state: dict[str, float]) -> None:
        """Continue from a state."""
        self.multiplier, self._planned = state["multiplier"], state["planned"]
        self._value = state["value"]


class DrivenNumber(Driven):
    """A number of this package's layers or optimizers that compiled steps read when they run.

    Args:
        model: the model that trains.
        name: str. `"momentum"`, a number of the optimizer, or `"<layer>.rate"`, of a layer of the
            model or of one inside it.
        plan: a schedule in steps, or a function of the step.
    """

    def __init__(self, model: keras.Model, name: str, plan: Plan) -> None:
        self._number = _number_of(model, name)
        super().__init__(name, model, self._number.variable, plan)

    @property
    def value(self) -> float:
        """The number as it is."""
        return self._number.value

    def _set(self, planned: float) -> None:
        # Its own `assign` refuses while JAX's trainer holds the variable.
        self._number.value = self._number.check(self.name, planned)
        self._scalar.write(planned)


def rate_variable(model: keras.Model, requirement: str) -> keras.Variable:
    """Return the variable of the model's learning rate, or raise if a schedule stands there."""
    rate = innermost_optimizer(model)._learning_rate
    if not isinstance(rate, keras.Variable):
        raise _validation.invalid("learning_rate", requirement, type(rate).__name__)
    return rate


def as_float(name: str, value: Tensor) -> float:
    """Return what a plan gave, or a variable holds, as a float, or raise."""
    try:
        return float(keras.ops.convert_to_numpy(value))
    except (TypeError, ValueError):
        raise _validation.invalid(name, "a number at each step", value) from None


def _number_of(model: keras.Model, name: str) -> RuntimeNumber:
    layer, _, attribute = name.rpartition(".")
    layers = (one for one in model._flatten_layers() if one.name == layer)
    owners = [vars(owner) for owner in (layers if layer else optimizers_of(model))]
    found = [own.get(NUMBERS, {}).get(attribute, own.get(f"_{attribute}")) for own in owners]
    numbers = [number for number in found if isinstance(number, RuntimeNumber)]
    if len(numbers) != 1:
        raise ValueError(
            "`also` must name numbers that steps read when they run, each of one optimizer or "
            "layer of keras_trainkit, with a value to begin with. "
            f"Received: also={{{name!r}: ...}}, which are {len(numbers)}"
        )
    return numbers[0]
