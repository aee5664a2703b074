"""Which period holds a step, and since when.

An epoch of ten batches in three parts is 3.33 steps, which no float is exactly: where a period ends
on a step but for rounding, it ends there.
"""

import math
from types import ModuleType
from typing import Any

from keras_trainkit.schedules._duration import ROUNDING


def is_whole(step: Any) -> bool:
    """Return whether a number, an array or a tensor counts in an integer type."""
    return "int" in str(getattr(step, "dtype", type(step)))


def rounding(dtype: str) -> float:
    """Return the share by which a time in `dtype` may be off after a few operations."""
    return ROUNDING if dtype == "float64" else 5e-7


def completed(step: Any, length: float, xp: ModuleType, dtype: str) -> Any:
    """Return how many periods of `length` steps are over at `step`."""
    if isinstance(length, int) and is_whole(step):
        return xp.floor_divide(step, length)
    periods = xp.array(step, dtype) / length
    return xp.floor(periods + rounding(dtype) * xp.abs(periods))


def since(step: Any, length: float, xp: ModuleType, times: Any = 1) -> Any:
    """Return the steps that have passed since `times` periods were over, or 0 before that.

    Whole steps are subtracted first, as no type rounds them.
    """
    whole = math.floor(length)
    passed = xp.subtract(step, xp.multiply(times, whole))
    if length != whole:
        passed = xp.subtract(passed, xp.multiply(times, length - whole))
    return xp.maximum(passed, 0)


def period(step: Any, length: float, xp: ModuleType, dtype: str) -> tuple[Any, Any]:
    """Return which period of `length` steps holds the step, and which share of it has passed."""
    before = completed(step, length, xp, dtype)
    share = xp.array(since(step, length, xp, before), dtype) / length
    return before, xp.minimum(share, 1.0)
