"""How moving statistics follow those of the batches."""

import math
from typing import Any

from keras import ops


def old_shares(momentum: float | None, updates: Any, dtype: str) -> Any:
    """Return what share of itself a moving statistic keeps after so many earlier updates.

        min(momentum, t / (t + 1)),   t = updates

    That is the average of all updates until it becomes the exponential one; with `None` for the
    momentum it remains the average.
    """
    t = ops.cast(updates, dtype)
    shares = t / (t + 1)
    if momentum is None:
        return shares
    # `ops.minimum` gives float32 for float64 on PyTorch.
    return ops.where(shares < momentum, shares, ops.convert_to_tensor(momentum, dtype))


def followed(old: Any, new: Any, shares: Any) -> Any:
    """Return the moving statistic `old` after `new`, one update after the other.

    `old` has the shape `(channels,)`; `new` has the same, or `(groups, channels)`. `shares` is a
    number or has a shape that broadcasts to that of `new`, with the rank of `new`.
    """
    if len(new.shape) == 1:
        return shares * old + (1 - shares) * new
    from_here = ops.flip(ops.cumprod(ops.flip(shares, 0), 0), 0)
    after = ops.concatenate([from_here[1:], ops.ones_like(from_here[:1])])
    return from_here[0] * old + ops.sum(after * (1 - shares) * new, 0)


def unbiased(variance: Any, count: Any) -> Any:
    """Return the sum of squares over `count - 1`, given the variance over `count`."""
    return variance * (count / ops.clip(count - 1, 1, math.inf))
