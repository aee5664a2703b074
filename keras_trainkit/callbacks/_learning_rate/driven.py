"""The numbers that follow a schedule: a learning rate, and runtime numbers."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import innermost_optimizer, optimizers_of
from keras_trainkit._patching import patched
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber, held_by_jax_trainer
from keras_trainkit.callbacks._learning_rate.scalar import scalar
from keras_trainkit.schedules._schedule import Schedule

STEPS = 256


class Ahead:
    """A schedule as a function of the step that costs next to nothing from step to step.

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


class DrivenRate:
    """The learning rate of an optimizer: a plan, times what others made of it.

    Whoever assigns the rate in between, as `keras.callbacks.ReduceLROnPlateau` does, changes the
    multiplier: the plan goes on from the new height.

    Args:
        model: the model that trains.

    Attributes:
        multiplier: float. What others made of the plan.
        value: float. The learning rate that was set last.
    """

    name = "learning_rate"

    def __init__(self, model: keras.Model) -> None:
        self.multiplier = 1.0
        self.value = 0.0
        self._planned = 0.0
        self._variable = _rate_of(model)
        self._scalar = scalar(model, self._variable)
        self._assigned = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Notice assignments meanwhile. Reading the variable instead would wait for the device."""
        if "assign" in vars(self._variable):
            raise ValueError(
                "`callbacks` must hold one `LearningRate` with a schedule: one value would "
                "overwrite the other. Join the schedules with `then`, or multiply them."
            )
        assign = self._variable.assign

        def noticed(value: Any) -> Any:
            self._assigned = True
            return assign(value)

        with patched(self._variable, assign=noticed):
            try:
                yield
            finally:
                self._take_over()

    def expect(self, planned: Sequence[float]) -> None:
        """Prepare for what is planned for the steps to come."""
        self._scalar.expect([value * self.multiplier for value in planned])

    def set(self, planned: float) -> None:
        """Set the learning rate to what is planned, times the multiplier."""
        self._take_over()
        self._planned = _validation.real(self.name, planned, low=0.0)
        self.value = self._planned * self.multiplier
        self._scalar.write(self.value)
        self._assigned = False

    def _take_over(self) -> None:
        """Learn the multiplier from what others have assigned."""
        # While JAX's trainer holds the value, only a trace has assigned anything. A plan of 0
        # stays 0 under any multiplier.
        if self._assigned and self._planned and not held_by_jax_trainer(self._variable):
            actual = np.asarray(keras.ops.convert_to_numpy(self._variable))
            if actual != np.asarray(self.value, actual.dtype):
                self.multiplier = float(actual) / self._planned

    def get_state(self) -> dict[str, float]:
        """Return what a resumed training needs."""
        return {"multiplier": self.multiplier, "planned": self._planned, "value": self.value}

    def set_state(self, state: dict[str, float]) -> None:
        """Continue from a state."""
        self.multiplier, self._planned = state["multiplier"], state["planned"]
        self.value = state["value"]


class DrivenNumber:
    """A number of this package's layers or optimizers that compiled steps read when they run.

    Args:
        model: the model that trains.
        name: str. `"momentum"`, a number of the optimizer, or `"<layer>.rate"`, of a layer of the
            model or of one inside it.
    """

    def __init__(self, model: keras.Model, name: str) -> None:
        self.name = name
        self._number = _number_of(model, name)
        self._scalar = scalar(model, self._number.variable)

    @property
    def value(self) -> float:
        """The number as it is."""
        return self._number.value

    def expect(self, planned: Sequence[float]) -> None:
        """Prepare for what is planned for the steps to come."""
        self._scalar.expect(planned)

    def set(self, planned: float) -> None:
        """Set the number."""
        # Its own `assign` refuses while JAX's trainer holds the variable.
        self._number.value = self._number.check(self.name, planned)
        self._scalar.write(planned)


def _rate_of(model: keras.Model) -> Any:
    rate = innermost_optimizer(model)._learning_rate
    if not isinstance(rate, keras.Variable):
        raise ValueError(
            "`learning_rate` of the optimizer must be a number where `LearningRate` drives it: "
            "move the schedule from the optimizer to the callback. "
            f"Received: learning_rate={rate!r}"
        )
    return rate


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
