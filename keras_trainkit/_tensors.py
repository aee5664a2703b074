"""Tensors of any backend: their name in signatures, and the types in which they are computed."""

from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from keras_trainkit._validation import invalid

# Each backend has a type of its own, and Keras none for all of them: this name is for readers.
Tensor: TypeAlias = Any


# What converting the tensor of a traced or mapped function raises, or what is no tensor of numbers.
_UNREADABLE = TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError


def float64_of(x: Tensor) -> np.ndarray:
    """Return the values of a tensor or variable in double precision."""
    return ops.convert_to_numpy(x).astype("float64")


def numpy_if_readable(x: Any) -> np.ndarray | None:
    """Return the values, or None for a tensor of a traced or mapped function, or no tensor."""
    try:
        return ops.convert_to_numpy(x)
    except _UNREADABLE:
        return None


def float64_if_readable(x: Any) -> np.ndarray | None:
    """Return the same in double precision, None also for what holds no numbers."""
    try:
        return float64_of(x)
    except _UNREADABLE:
        return None


def at_least_float32(dtype: Any) -> str:
    """Return "float64" for float64 and "float32" for every other type."""
    # On PyTorch `keras.backend.result_type` turns float64 into float32.
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"


def floating(name: str, x: Tensor, dtype: str) -> Tensor:
    """Return `x`, cast to `dtype` if it holds integers or truth values, or raise."""
    own = keras.backend.standardize_dtype(x.dtype)
    if "float" in own:
        return x
    if "int" not in own and own != "bool":
        raise invalid(f"{name}.dtype", "that of floats, integers or bools", own)
    return ops.cast(x, dtype)


def larger(one: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two tensors of one type, entry by entry; NaN where `other` is NaN."""
    # On PyTorch `ops.maximum` turns float64 into float32.
    return ops.where(one > other, one, other)
