"""An optimizer's numbers, each declared once with its interval, assignable between two steps."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_trainkit._precision import at_least_float32
from keras_trainkit._runtime import NUMBERS, RuntimeNumber
from keras_trainkit._validation import invalid


class Hyperparameter:
    """Class attribute that holds a checked number per instance, or None where it is off.

    Assigning another number takes effect at the next step, without a new trace. What is None at
    construction is no part of the compiled step, and stays None. The instance has a `name`, and
    says in `reached` how a callback gets to it.

    Args:
        check: function of the name and a value that returns the value as a float, or raises.
        optional: bool. Whether None may be given at construction.
    """

    def __init__(self, check: Callable[[str, Any], float], optional: bool = False) -> None:
        self.check = check
        self.optional = optional

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the attribute's name."""
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        """Return the number."""
        if optimizer is None:
            return self
        numbers = vars(optimizer).get(NUMBERS, {})
        if self.name not in numbers:
            raise AttributeError(self.name)
        number = numbers[self.name]
        return None if number is None else number.value

    def __set__(self, optimizer: Any, value: Any) -> None:
        """Check the number; keep it for the next step."""
        numbers = vars(optimizer).setdefault(NUMBERS, {})
        if self.optional and value is None and numbers.get(self.name) is None:
            numbers[self.name] = None
            return
        if self.name not in numbers:
            dtype = at_least_float32(keras.config.floatx())
            numbers[self.name] = RuntimeNumber(
                self.name, value, self.check, optimizer, optimizer.reached, dtype
            )
        elif numbers[self.name] is None:
            raise invalid(self.name, "given to the constructor to be assigned later", value)
        else:
            numbers[self.name].assign(value)


def read(optimizer: Any, name: str, dtype: str) -> Any:
    """Return a number for the running step: on PyTorch a float, else a tensor of type `dtype`."""
    number = vars(optimizer)[NUMBERS][name].read()
    return number if isinstance(number, float) else ops.cast(number, dtype)


def threaded(optimizer: Any) -> list[keras.Variable]:
    """Return the variables through which compiled steps on JAX read the numbers."""
    numbers = vars(optimizer).get(NUMBERS, {}).values()
    return [variable for number in numbers if number for variable in number.threaded]
