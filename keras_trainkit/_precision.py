"""The type in which the components compute."""

from typing import Any

import keras
from keras import ops


def at_least_float32(dtype: Any) -> str:
    """Return "float64" for float64 and "float32" for every other type."""
    # On PyTorch `keras.backend.result_type` turns float64 into float32.
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"


def larger(one: Any, other: Any) -> Any:
    """Return the larger of two tensors of one type, entry by entry; NaN where `other` is NaN."""
    # On PyTorch `ops.maximum` turns float64 into float32.
    return ops.where(one > other, one, other)
