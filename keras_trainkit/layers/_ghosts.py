"""A batch as several smaller ones."""

from typing import Any

from keras import ops


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
