"""Mean and variance of a batch, or of each of its ghost batches, computed without cancellation."""

import math
from collections.abc import Callable
from typing import TypeAlias

from keras import ops

from keras_trainkit._tensors import Tensor

Axes: TypeAlias = tuple[int, ...]
Reduction: TypeAlias = Callable[[Tensor], Tensor]


def no_reduction(x: Tensor) -> Tensor:
    """Return `x`: the sum over this replica alone."""
    return x


def others(x: Tensor, axis: int, first: int = 0) -> Axes:
    """Return the axes of `x` from `first` on without `axis`, which is not negative."""
    return tuple(i for i in range(first, len(x.shape)) if i != axis)


def valid_count(
    x: Tensor, axes: Axes, mask: Tensor | None = None, over_replicas: Reduction = no_reduction
) -> Tensor:
    """Return how many elements over `axes` count, with ones for these axes.

    Only the positions where `mask` is true count (`None`: all). `over_replicas` adds what each
    replica has.
    """
    if mask is None:
        shape = ops.shape(x)
        size = ops.prod(ops.stack([ops.convert_to_tensor(shape[axis], "int32") for axis in axes]))
        return over_replicas(ops.reshape(ops.cast(size, x.dtype), (1,) * len(shape)))
    valid = ops.cast(ops.broadcast_to(mask, ops.shape(x)), x.dtype)
    return over_replicas(ops.sum(valid, axes, keepdims=True))


def centered_moments(
    x: Tensor, axes: Axes, mask: Tensor | None = None, over_replicas: Reduction = no_reduction
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return `x - mean`, the mean, the biased variance and the count over `axes`.

    The axes stay as ones; `mask` and `over_replicas` are those of `valid_count`.
    """
    count = valid_count(x, axes, mask, over_replicas)
    divisor = ops.clip(count, 1, math.inf)

    def average(values: Tensor) -> Tensor:
        valid = values if mask is None else ops.where(mask, values, 0)
        return over_replicas(ops.sum(valid, axes, keepdims=True)) / divisor

    # Any constant may be taken off first; near the mean, the rest has full relative precision.
    shift = ops.stop_gradient(average(x))
    rest = x - shift
    mean_rest = average(rest)
    centered = rest - mean_rest
    return centered, shift + mean_rest, average(ops.square(centered)), count


def split_ghost_batches(
    x: Tensor, mask: Tensor | None, ghost_batch_size: int
) -> tuple[Tensor, Tensor]:
    """Return `x` as `(ghost batches, examples, ...)`, and which of its positions count.

    There are as few ghost batches as `ghost_batch_size` allows, each of `ceil(batch / number)`
    examples; the last one, which may have fewer, is filled up with what does not count.
    """
    shape = ops.shape(x)
    # `shape[0]` may be a tensor. The last term makes one, an empty one, of an empty batch.
    number = -(-shape[0] // ghost_batch_size) + 1 // (shape[0] + 1)
    size = -(-shape[0] // number)
    missing = number * size - shape[0]

    def folded(values: Tensor) -> Tensor:
        rest = ops.shape(values)[1:]
        filling = ops.zeros((missing, *rest), values.dtype)
        return ops.reshape(ops.concatenate([values, filling]), (number, size, *rest))

    if mask is None:
        mask = ops.ones((shape[0], *[1] * (len(shape) - 1)), "bool")
    return folded(x), folded(mask)


def join_ghost_batches(ghost_batches: Tensor, x: Tensor) -> Tensor:
    """Return ghost batches as one batch of the shape that `x` had before the split."""
    shape = ops.shape(x)
    return ops.reshape(ops.reshape(ghost_batches, (-1, *shape[1:]))[: shape[0]], shape)
