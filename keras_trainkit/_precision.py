"""The type in which the components compute."""

from typing import Any

import keras


def at_least_float32(dtype: Any) -> str:
    """Return "float64" for float64 and "float32" for every other type."""
    # On PyTorch `keras.backend.result_type` turns float64 into float32.
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"
