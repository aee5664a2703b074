"""Arithmetic on a step's scalars, which are floats where the host knows them and else tensors."""

import math
from typing import Any

import keras
from keras import ops


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
