"""What a step's batch and loss say beside its gradients."""

import math
from typing import Any

import keras
from keras import ops

from keras_trainkit.callbacks._monitor.statistics import Kernels, Tensor

FACTS = ("batch_size", "broken_examples", "loss_broken", "broken_here", "first_broken")


def facts_of(data: Any, logs: Any, kernels: Kernels) -> Tensor:
    """Return the numbers that `FACTS` names; NaN where one is not known.

    `broken_examples` counts those with a value that is NaN or infinite, in inputs, targets or
    sample weights, `broken_here` those of this replica, and `first_broken` is the position of the
    first of these; `loss_broken` is 1 or 0.
    """
    leaves = [leaf for leaf in keras.tree.flatten(data) if getattr(leaf, "shape", ())]
    leaves = [leaf for leaf in leaves if leaf.shape[0] == leaves[0].shape[0]]
    floating = [leaf for leaf in leaves if _is_float(leaf)]
    size = ops.shape(leaves[0])[0] if leaves else math.nan
    count, first = kernels.broken_examples(floating) if floating else (0.0, 0.0)
    loss = logs.get("loss") if isinstance(logs, dict) else None
    broken = math.nan if loss is None else kernels.is_broken(loss)
    total = kernels.total(kernels.vector([size, count, broken]))
    return kernels.join([total, kernels.vector([count, first])], axis=0)


def _is_float(leaf: Tensor) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(leaf.dtype))
