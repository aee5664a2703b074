"""What a step's batch and loss say beside its gradients."""

import math
from typing import Any

import keras
from keras import ops

from keras_trainkit.callbacks._monitor.statistics import Kernels, Tensor

FACTS = ("batch_size", "broken_examples", "first_broken", "loss_broken")


def facts_of(data: Any, logs: Any, kernels: Kernels) -> Tensor:
    """Return the numbers that `FACTS` names; NaN where one is not known.

    `broken_examples` counts those with a value that is NaN or infinite, in inputs, targets or
    sample weights; `first_broken` is the position of the first; `loss_broken` is 1 or 0.
    """
    leaves = [leaf for leaf in keras.tree.flatten(data) if getattr(leaf, "shape", ())]
    if not leaves:
        return ops.full((len(FACTS),), math.nan, "float32")
    size = ops.shape(leaves[0])[0]
    broken = ops.zeros((size,), "float32")
    for leaf in leaves:
        if leaf.shape[0] == leaves[0].shape[0] and _is_float(leaf):
            broken = ops.maximum(broken, _broken_examples(leaf))
    loss = logs.get("loss") if isinstance(logs, dict) else None
    loss_broken = math.nan if loss is None else ops.cast(ops.isfinite(loss), "float32")
    here = [ops.cast(size, "float32"), ops.sum(broken), 1.0 - loss_broken]
    everywhere = kernels.total(ops.stack(here))
    # The position is known where all that is broken is among the examples of this replica.
    first = ops.cast(ops.argmax(broken), "float32")
    known = ops.logical_and(here[1] > 0, ops.equal(here[1], everywhere[1]))
    return ops.stack(
        [everywhere[0], everywhere[1], ops.where(known, first, math.nan), everywhere[2]]
    )


def _is_float(leaf: Tensor) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(leaf.dtype))


def _broken_examples(leaf: Tensor) -> Tensor:
    """Return 1 for each example that holds NaN or infinity, else 0."""
    finite = ops.isfinite(leaf)
    within = tuple(range(1, len(leaf.shape)))
    return 1.0 - ops.cast(ops.all(finite, axis=within) if within else finite, "float32")
