"""Mean and variance of a batch, computed without cancellation."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

Axes = tuple[int, ...]
Across = Callable[[Any], Any]


def here(x: Any) -> Any:
    """Return `x`: the sum over this replica alone."""
    return x


def others(x: Any, axis: int, first: int = 0) -> Axes:
    """Return the axes of `x` from `first` on without `axis`, which is not negative."""
    return tuple(i for i in range(first, len(x.shape)) if i != axis)


def valid_count(x: Any, axes: Axes, mask: Any = None, across: Across = here) -> Any:
    """Return how many elements over `axes` count, with ones for these axes.

    Only the positions where `mask` is true count (`None`: all); `across` adds over replicas.
    """
    if mask is None:
        shape = ops.shape(x)
        size = ops.prod(ops.stack([ops.convert_to_tensor(shape[axis], "int32") for axis in axes]))
        return across(ops.reshape(ops.cast(size, x.dtype), (1,) * len(shape)))
    valid = ops.cast(ops.broadcast_to(mask, ops.shape(x)), x.dtype)
    return across(ops.sum(valid, axes, keepdims=True))


def centered_moments(
    x: Any, axes: Axes, mask: Any = None, across: Across = here
) -> tuple[Any, Any, Any, Any]:
    """Return `x - mean`, the mean, the biased variance and the count over `axes`.

    The axes stay as ones; `mask` and `across` are those of `valid_count`.
    """
    count = valid_count(x, axes, mask, across)
    divisor = ops.clip(count, 1, math.inf)

    def average(values: Any) -> Any:
        valid = values if mask is None else ops.where(mask, values, 0)
        return across(ops.sum(valid, axes, keepdims=True)) / divisor

    # Any constant may be taken off first; near the mean, the rest has full relative precision.
    shift = ops.stop_gradient(average(x))
    rest = x - shift
    mean_rest = average(rest)
    centered = rest - mean_rest
    return centered, shift + mean_rest, average(ops.square(centered)), count
