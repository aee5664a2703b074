"""The statistics of gradients and updates in backend-neutral operations, for inside a step."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

Tensor = Any
STACKED_SIZE = 2**16
LARGEST = float(np.finfo("float32").max)


def gradient_rows(gradients: Sequence[Tensor], scale: Tensor | float) -> Tensor:
    """Return `(V, 6)`: norm, max_abs, mean, std, zero_fraction, nonfinite of gradients / scale."""
    return _per_tensor(gradients, lambda rows: _describe(rows, scale))


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """Return `(V, 1)`, the L2 norm of each tensor; infinite where one is not finite."""
    return _per_tensor(tensors, lambda rows: _finite_or_infinite(_norm(rows))[:, None])


def difference(after: Tensor, before: Tensor) -> Tensor:
    """Return the step between two values of one variable, in float32."""
    return ops.subtract(ops.cast(after, "float32"), ops.cast(before, "float32"))


def _describe(rows: Tensor, scale: Tensor | float) -> Tensor:
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


def _norm(rows: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(rows), axis=1))


def _finite_or_infinite(values: Tensor) -> Tensor:
    return ops.where(ops.less_equal(values, LARGEST), values, math.inf)


def _per_tensor(tensors: Sequence[Tensor], measure: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `measure` to rows of equal length: small tensors together, large ones alone."""
    blocks, order = [], []
    for positions in _groups([math.prod(tensor.shape) for tensor in tensors]):
        rows = [ops.reshape(ops.cast(tensors[i], "float32"), (1, -1)) for i in positions]
        blocks.append(measure(rows[0] if len(rows) == 1 else ops.concatenate(rows, axis=0)))
        order += positions
    return ops.take(ops.concatenate(blocks, axis=0), np.argsort(order), axis=0)


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    groups: dict[Any, list[int]] = {}
    for position, size in enumerate(sizes):
        key = size if size <= STACKED_SIZE else (size, position)
        groups.setdefault(key, []).append(position)
    return list(groups.values())
