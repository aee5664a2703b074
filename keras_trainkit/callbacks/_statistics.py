"""The statistics of one update in backend-neutral operations, for inside a training step."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

Tensor = Any
STACKED_SIZE = 2**16
LARGEST = float(np.finfo("float32").max)


def groups_of(variables: Sequence[Any]) -> list[list[int]]:
    """Return positions by shape: small variables share their operations, large ones stay alone."""
    groups: dict[Any, list[int]] = {}
    for position, variable in enumerate(variables):
        alone = position if math.prod(variable.shape) > STACKED_SIZE else None
        groups.setdefault((tuple(variable.shape), str(variable.dtype), alone), []).append(position)
    return list(groups.values())


def snapshots(tensors: Sequence[Tensor], groups: list[list[int]]) -> list[Tensor]:
    """Return copies of the tensors as the rows of one float32 matrix per group."""
    matrices = []
    for group in groups:
        stack = ops.stack([ops.stop_gradient(tensors[i]) for i in group])
        matrices.append(ops.cast(ops.reshape(stack, (len(group), -1)), "float32"))
    return matrices


def gradient_statistics(rows: Tensor, scale: Tensor | float) -> Tensor:
    """Return `(k, 6)`: norm, max_abs, mean, std, zero_fraction, nonfinite of rows / scale."""
    magnitude = ops.abs(rows)
    peak = ops.amax(magnitude, axis=1)
    zeros = ops.subtract(1.0, ops.mean(ops.sign(magnitude), axis=1))
    # NaN compares false, infinity too. TensorFlow's optimizer would turn `not <=` into `>`.
    finite = ops.less_equal(magnitude, LARGEST)
    nonfinite = ops.sum(ops.where(finite, 0.0, 1.0), axis=1)

    # Squares of values divided by their largest neither overflow nor vanish.
    unit = ops.where(ops.greater(peak, 0.0), peak, 1.0)
    relative = ops.divide(rows, unit[:, None])
    mean = ops.mean(relative, axis=1)
    std = ops.sqrt(ops.mean(ops.square(ops.subtract(relative, mean[:, None])), axis=1))
    unit, broken = ops.divide(unit, scale), ops.greater(nonfinite, 0.0)
    columns = [
        ops.where(broken, math.inf, _norm(relative) * unit),
        ops.where(broken, math.inf, ops.divide(peak, scale)),
        ops.where(broken, math.nan, mean * unit),
        ops.where(broken, math.nan, std * unit),
        ops.where(broken, math.nan, zeros),
        nonfinite,
    ]
    return ops.stack(columns, axis=1)


def update_statistics(before: Tensor, after: Tensor) -> Tensor:
    """Return `(k, 2)`: weight_norm and update_norm; infinite where one is not finite."""
    norms = ops.stack([_norm(before), _norm(ops.subtract(after, before))], axis=1)
    return ops.where(ops.less_equal(norms, LARGEST), norms, math.inf)


def _norm(rows: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(rows), axis=1))
