"""How moving statistics follow those of the batches."""

from typing import Any

from keras import ops


def old_shares(momentum: float | None, updates: Any) -> Any:
    """Return what share of itself a moving statistic keeps after so many earlier updates.

        min(momentum, t / (t + 1)),   t = updates

    That is the average of all updates until it becomes the exponential one; with `None` for the
    momentum it remains the average.
    """
    t = ops.cast(updates, "float32")
    shares = t / (t + 1)
    return shares if momentum is None else ops.minimum(shares, momentum)


def followed(old: Any, new: Any, shares: Any) -> Any:
    """Return the moving statistic `old` after `new`, one update after the other.

    `old` has the shape `(channels,)`; `new` is the same with a number for its share, or
    `(groups, channels)` with `(groups,)` shares.
    """
    if len(new.shape) == 1:
        return shares * old + (1 - shares) * new
    shares = ops.cast(shares, old.dtype)
    from_here = ops.flip(ops.cumprod(ops.flip(shares)))
    after = ops.concatenate([from_here[1:], ops.ones((1,), old.dtype)])
    return from_here[0] * old + ops.sum(ops.expand_dims(after - from_here, -1) * new, 0)


def unbiased(variance: Any, count: Any) -> Any:
    """Return the sum of squares over `count - 1`, given the variance over `count`."""
    return variance * (count / ops.maximum(count - 1, 1))
