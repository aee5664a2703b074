"""Mean and variance of a batch, computed without cancellation."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops


def centered_moments(
    x: Any, axes: tuple[int, ...], mask: Any, across: Callable[[Any], Any]
) -> tuple[Any, Any, Any]:
    """Return `x - mean`, the mean, and the biased variance over `axes`, which stay as ones.

    Only the positions where `mask` is true count (`None`: all); `across` adds over replicas.
    """

    def total(values: Any) -> Any:
        valid = values if mask is None else ops.where(mask, values, 0)
        return across(ops.sum(valid, axes, keepdims=True))

    count = ops.clip(total(ops.ones_like(x)), 1, math.inf)
    # Any constant may be taken off first; near the mean, the rest has full relative precision.
    shift = ops.stop_gradient(total(x) / count)
    rest = x - shift
    mean_rest = total(rest) / count
    centered = rest - mean_rest
    return centered, shift + mean_rest, total(ops.square(centered)) / count
