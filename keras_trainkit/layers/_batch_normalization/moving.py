"""How moving statistics follow those of the batches, and how renormalization corrects by them."""

import math
from typing import Any

from keras import ops

from keras_trainkit._tensors import Tensor
from keras_trainkit._validation import invalid, real

UNCLIPPED = {"rmin": 0.0, "rmax": math.inf, "dmax": math.inf}


def next_shares(
    momentum: float | None, steps: Tensor | None, count: Tensor | None, dtype: str
) -> Tensor | float:
    """Return the old statistics' share in their next update, or in one for each ghost batch.

        min(momentum, t / (t + 1)),   t = number of earlier updates

    That is the average of all updates until it becomes the exponential one; with `None` for the
    momentum it remains the average. `steps` is the variable that holds t, and moves; without one,
    the share is the momentum. `count` is the number of elements that each statistic is of, `None`
    for any above 0: where it is 0, nothing is to move, nor is that an update.
    """
    if steps is None:
        shares = momentum
    else:
        t, updates = _updates(ops.convert_to_tensor(steps), count)
        shares = _growing_shares(momentum, ops.cast(t, dtype))
        # On PyTorch the tensor is the variable's own memory: what reads it must stand above.
        steps.assign(steps + updates)
    if count is None:
        return shares
    return ops.where(count > 0, ops.convert_to_tensor(shares, dtype), 1)


def _updates(steps: Tensor, count: Tensor | None) -> tuple[Tensor, Tensor | int]:
    """Return how many updates come before each of the next ones, and how many these are."""
    if count is None:
        return steps, 1
    live = ops.cast(ops.any(count > 0, -1, keepdims=True), "int32")
    return steps + ops.cumsum(live, 0) - live, ops.sum(live)


def _growing_shares(momentum: float | None, t: Tensor) -> Tensor:
    shares = t / (t + 1)
    if momentum is None:
        return shares
    # `ops.minimum` gives float32 for float64 on PyTorch.
    return ops.where(shares < momentum, shares, ops.convert_to_tensor(momentum, shares.dtype))


def followed(old: Tensor, new: Tensor, shares: Tensor | float) -> Tensor:
    """Return the moving statistic `old` after `new`, one update after the other.

    `old` has the shape `(channels,)`; `new` has the same, or `(ghost batches, channels)`. `shares`
    is a number or has a shape that broadcasts to that of `new`, with the rank of `new`.
    """
    if len(new.shape) == 1:
        return shares * old + (1 - shares) * new
    # All updates at once: an update's weight is its own share times the shares of all later ones.
    from_here = ops.flip(ops.cumprod(ops.flip(shares, 0), 0), 0)
    after = ops.concatenate([from_here[1:], ops.ones_like(from_here[:1])])
    return from_here[0] * old + ops.sum(after * (1 - shares) * new, 0)


def unbiased(variance: Tensor, count: Tensor) -> Tensor:
    """Return the sum of squares over `count - 1`, given the variance over `count`."""
    return variance * (count / ops.clip(count - 1, 1, math.inf))


def renorm_correction(
    mean: Tensor,
    stddev: Tensor,
    renorm_mean: Tensor,
    renorm_stddev: Tensor,
    clipping: dict[str, float],
) -> tuple[Tensor, Tensor]:
    """Return r and d, which have no gradient (Ioffe 2017, Algorithm 1).

    r = clip(stddev / renorm_stddev, rmin, rmax)
    d = clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)
    """
    rmin, rmax, dmax = (clipping.get(key, UNCLIPPED[key]) for key in UNCLIPPED)
    r = ops.clip(stddev / renorm_stddev, rmin, rmax)
    d = ops.clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)
    return ops.stop_gradient(r), ops.stop_gradient(d)


def checked_renorm_clipping(clipping: Any) -> dict[str, float]:
    """Return the limits as a dict, or raise."""
    clipping = {} if clipping is None else dict(clipping)
    if clipping.keys() - UNCLIPPED.keys():
        requirement = f"a dict with keys among {', '.join(UNCLIPPED)}"
        raise invalid("renorm_clipping", requirement, clipping)
    for key, value in clipping.items():
        real(f"renorm_clipping[{key!r}]", value, low=0)
    if clipping.get("rmin", 0) > clipping.get("rmax", math.inf):
        raise invalid("renorm_clipping", "a dict with rmin <= rmax", clipping)
    return clipping
