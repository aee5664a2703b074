"""The values of a tensor, as far as the host can read them."""

from typing import Any

import keras
import numpy as np


def float64_of(x: Any) -> np.ndarray:
    """Return the values of a tensor or variable in double precision."""
    return keras.ops.convert_to_numpy(x).astype("float64")


def float64_if_readable(x: Any) -> np.ndarray | None:
    """Return the same, or None for a tensor of a traced or mapped function, or no tensor."""
    try:
        return float64_of(x)
    except (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError):
        return None
