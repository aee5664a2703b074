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


def split(x: Any, mask: Any, ghost_batch_size: int) -> tuple[Any, Any]:
    """Return `x` as `(ghosts, ghost batch, ...)`, and which of its positions count.

    There are as few ghost batches as `ghost_batch_size` allows, each of `ceil(examples / ghosts)`
    examples; the last one, which may have fewer, is filled up with what does not count.
    """
    shape = ops.shape(x)
    # The last term makes one, an empty one, of an empty batch.
    ghosts = -(-shape[0] // ghost_batch_size) + 1 // (shape[0] + 1)
    size = -(-shape[0] // ghosts)
    missing = ghosts * size - shape[0]

    def folded(values: Any) -> Any:
        rest = ops.shape(values)[1:]
        filling = ops.zeros((missing, *rest), values.dtype)
        return ops.reshape(ops.concatenate([values, filling]), (ghosts, size, *rest))

    if mask is None:
        mask = ops.ones((shape[0], *[1] * (len(shape) - 1)), "bool")
    return folded(x), folded(mask)


def join(ghosts: Any, x: Any) -> Any:
    """Return `(ghosts, ghost batch, ...)` as one batch of the shape of `x`, before the split."""
    shape = ops.shape(x)
    return ops.reshape(ops.reshape(ghosts, (-1, *shape[1:]))[: shape[0]], shape)
