"""Arithmetic on a step's scalars, which are floats where the host knows them and else tensors."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_trainkit._precision import at_least_float32


def square_root(x: Any) -> Any:
    """Return the square root."""
    return math.sqrt(x) if isinstance(x, float) else ops.sqrt(x)


def power(base: Any, exponent: Any) -> Any:
    """Return base^exponent."""
    return ops.exp(exponent * _log(base)) if ops.is_tensor(exponent) else base**exponent


def bias_correction(beta: Any, step: Any) -> Any:
    """Return 1 - beta^step without the cancellation that costs float32 five digits at step 1."""
    exponent = step * _log(beta)
    return -math.expm1(exponent) if isinstance(exponent, float) else -ops.expm1(exponent)


def _log(x: Any) -> Any:
    if not isinstance(x, float):
        return ops.log(x)
    return math.log(x) if x > 0 else -math.inf


def scalar_like(model: Any, scalar: Any, dtype: str) -> Any:
    """Return a scalar variable as a float if the model is one, else as a tensor of `dtype`."""
    if isinstance(model, float):
        return float(scalar.value if isinstance(scalar, keras.Variable) else scalar)
    return ops.cast(scalar, dtype)


def scalar_dtype(variables: Sequence[Any]) -> str:
    """Return the type of the scalars that are kept from step to step beside the slots."""
    return at_least_float32(variables[0].dtype if variables else keras.config.floatx())
