"""The numbers that follow a plan, such as runtime numbers; learning rates are in `rates.py`."""

import abc
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import layers_of
from keras_trainkit._patching import patched
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber
from keras_trainkit._tensors import Tensor
from keras_trainkit.callbacks._learning_rate.scalar import scalar
from keras_trainkit.schedules._schedule import Schedule

# A schedule in steps of the training, or any other function from the step to a number.
Plan: TypeAlias = Callable[[int], Any]

STEPS = 256
# The attribute of a variable that follows a plan.
_FOLLOWS = "follows_a_plan"


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
        self._variable = variable
        self._scalar = scalar(model, variable)
        self._plan = plan
        if isinstance(plan, Schedule):
            self._plan = TabulatedSchedule(plan, self._expect)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Have the variable to itself meanwhile, or raise."""
        if _FOLLOWS in vars(self._variable):
            raise ValueError(
                f"`{self.name}` must follow one plan of one `LearningRate`: one value would "
                "overwrite the other. Join schedules with `then`, or multiply them."
            )
        with patched(self._variable, **{_FOLLOWS: True}):
            yield

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


class DrivenNumber(Driven):
    """A number of this package's layers or optimizers that compiled steps read when they run.

    Args:
        model: the model that trains.
        optimizers: the optimizers that train, by name.
        name: str. `"momentum"`, a number of one optimizer, `"<optimizer>.momentum"`, or
            `"<layer>.rate"`, of a layer of the model or of one inside it.
        plan: a schedule in steps, or a function of the step.
    """

    def __init__(
        self, model: keras.Model, optimizers: Mapping[str, Any], name: str, plan: Plan
    ) -> None:
        self._number = _number_of(model, optimizers, name)
        super().__init__(name, model, self._number.variable, plan)

    @property
    def value(self) -> float:
        """The number as it is."""
        return self._number.value

    def _set(self, planned: float) -> None:
        # Its own `assign` refuses while JAX's trainer holds the variable.
        self._number.value = self._number.check(self.name, planned)
        self._scalar.write(planned)


def as_float(name: str, value: Tensor) -> float:
    """Return what a plan gave, or a variable holds, as a float, or raise."""
    try:
        return float(keras.ops.convert_to_numpy(value))
    except (TypeError, ValueError):
        raise _validation.invalid(name, "a number at each step", value) from None


def _number_of(model: keras.Model, optimizers: Mapping[str, Any], name: str) -> RuntimeNumber:
    place, _, attribute = name.rpartition(".")
    named = [one for called, one in optimizers.items() if place in ("", called)]
    layers = (one for one in layers_of(model) if place and one.name == place)
    owners = [vars(owner) for owner in (*named, *layers)]
    found = [own.get(NUMBERS, {}).get(attribute, own.get(f"_{attribute}")) for own in owners]
    numbers = [number for number in found if isinstance(number, RuntimeNumber)]
    if len(numbers) != 1:
        raise ValueError(
            "`also` must name numbers that steps read when they run, each of one optimizer or "
            "layer of keras_trainkit, with a value to begin with. "
            f"Received: also={{{name!r}: ...}}, which are {len(numbers)}"
        )
    return numbers[0]
