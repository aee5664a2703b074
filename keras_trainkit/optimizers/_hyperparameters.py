"""An optimizer's numbers: declared once with their interval, and as the running step reads them.

What a step computes with them are *scalars*: floats where the host computes them, which PyTorch's
updates take, and else tensors, so that another value needs no new trace.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber
from keras_trainkit._tensors import Tensor, at_least_float32
from keras_trainkit._validation import invalid

Scalar: TypeAlias = float | Tensor


class Hyperparameter:
    """Class attribute that holds a checked number per instance, or None where it is off.

    Assigning another number takes effect at the next step, without a new trace. What is None at
    construction is no part of the compiled step, and stays None. The instance has a `name`, and
    says in `_access_path` how a callback gets to it.

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
                self.name, value, self.check, optimizer, optimizer._access_path, dtype
            )
        elif numbers[self.name] is None:
            raise invalid(self.name, "given to the constructor to be assigned later", value)
        else:
            numbers[self.name].assign(value)


def hold(optimizer: Any, name: str, requirement: str) -> None:
    """Refuse every other number than the present one from now on."""
    number = vars(optimizer)[NUMBERS][name]
    check, held = number.check, number.value

    def unchanged(name: str, value: Any) -> float:
        if check(name, value) != held:
            raise invalid(name, requirement, value)
        return held

    number.check = unchanged


def read(optimizer: Any, name: str, dtype: str) -> Scalar:
    """Return a number for the running step: on PyTorch a float, else a tensor of type `dtype`."""
    number = vars(optimizer)[NUMBERS][name].read()
    return number if isinstance(number, float) else ops.cast(number, dtype)


def numbers_of(owner: Any) -> dict[str, RuntimeNumber]:
    """Return the numbers that are not None, by name."""
    return {name: number for name, number in vars(owner).get(NUMBERS, {}).items() if number}


def threaded(optimizer: Any) -> list[keras.Variable]:
    """Return the variables through which compiled steps on JAX read the numbers."""
    return [v for number in numbers_of(optimizer).values() for v in number.threaded]


def square_root(x: Scalar) -> Scalar:
    """Return the square root."""
    return math.sqrt(x) if isinstance(x, float) else ops.sqrt(x)


def power(base: Scalar, exponent: Scalar) -> Scalar:
    """Return base^exponent."""
    return ops.exp(exponent * _log(base)) if ops.is_tensor(exponent) else base**exponent


def bias_correction(beta: Scalar, step: Scalar) -> Scalar:
    """Return 1 - beta^step without the cancellation that costs float32 five digits at step 1."""
    exponent = step * _log(beta)
    return -math.expm1(exponent) if isinstance(exponent, float) else -ops.expm1(exponent)


def _log(x: Scalar) -> Scalar:
    if not isinstance(x, float):
        return ops.log(x)
    return math.log(x) if x > 0 else -math.inf


def scalar_like(example: Any, scalar: Any, dtype: str) -> Scalar:
    """Return a scalar variable as a float if the example is one, else as a tensor of `dtype`."""
    if isinstance(example, float):
        return float(scalar.value if isinstance(scalar, keras.Variable) else scalar)
    return ops.cast(scalar, dtype)


def scalar_dtype(variables: Sequence[Any]) -> str:
    """Return the type of the scalars that are kept from step to step beside the slots."""
    return at_least_float32(variables[0].dtype if variables else keras.config.floatx())
