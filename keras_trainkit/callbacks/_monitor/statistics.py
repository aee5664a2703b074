"""The statistics of one update in backend-neutral operations, for inside a training step.

Gradients and weights come as the rows of float32 matrices, one row per variable, variables of one
shape together: many small reductions become one.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_trainkit.diagnosis.history import BINS, LOWEST_EXPONENT

Tensor = Any
STACKED_SIZE = 2**16
CENTERED_SIZE = 2**10
SAMPLED_SIZE = 2**12
LARGEST = float(np.finfo("float32").max)


class Kernels:
    """Reductions of rows; a backend's subclass replaces what it can do with fewer passes."""

    def dense(self, gradient: Any) -> Tensor:
        """Return what the backend calls a gradient as one tensor."""
        return ops.convert_to_tensor(gradient)

    def total(self, rows: Tensor) -> Tensor:
        """Return the sum over replicas."""
        return rows

    def norms(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite."""
        return careful_norms(rows)

    def peaks(self, rows: Tensor) -> Tensor:
        """Return the largest magnitude of each row."""
        return ops.amax(ops.abs(rows), axis=1)

    def zero_fractions(self, rows: Tensor) -> Tensor:
        """Return the share of each row's entries that are zero."""
        return ops.mean(ops.cast(ops.equal(rows, 0.0), "float32"), axis=1)

    def distances(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the L2 norm of each row's difference; `before` may be overwritten."""
        return plain_norms(ops.subtract(after, before))


def groups_of(variables: Sequence[Any]) -> list[list[int]]:
    """Return positions by shape: small variables share their operations, large ones stay alone."""
    groups: dict[Any, list[int]] = {}
    for position, variable in enumerate(variables):
        alone = position if math.prod(variable.shape) > STACKED_SIZE else None
        groups.setdefault((tuple(variable.shape), str(variable.dtype), alone), []).append(position)
    return list(groups.values())


def rows_of(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of one shape as the rows of a float32 matrix."""
    together = ops.stack(tensors) if len(tensors) > 1 else tensors[0]
    return ops.cast(ops.reshape(together, (len(tensors), -1)), "float32")


def snapshot(tensors: Sequence[Tensor]) -> Tensor:
    """Return copies of tensors of one shape as the rows of a float32 matrix."""
    together = ops.stack([ops.stop_gradient(tensor) for tensor in tensors])
    return ops.cast(ops.reshape(together, (len(tensors), -1)), "float32")


def moments(rows: Tensor, norms: Tensor, kernels: Kernels) -> tuple[Tensor, Tensor]:
    """Return each row's mean and standard deviation.

    Of long rows std^2 = |g|^2 / n - mean^2, whose relative error is 1e-7 (1 + mean^2 / std^2).
    """
    size = rows.shape[1]
    mean = ops.mean(rows, axis=1)
    if size <= CENTERED_SIZE:
        deviations, _ = kernels.norms(ops.subtract(rows, mean[:, None]))
        return mean, deviations / math.sqrt(size)
    root_mean_square = norms / math.sqrt(size)
    share = mean / positive(root_mean_square)
    return mean, root_mean_square * ops.sqrt(ops.maximum(1.0 - ops.square(share), 0.0))


def log2_counts(rows: Tensor, scale: Tensor | float) -> Tensor:
    """Return `(k, BINS)`: how many of a row's sampled entries / scale lie between powers of two."""
    count, size = rows.shape
    sample = ops.reshape(rows[:, :: -(-size // SAMPLED_SIZE)], (-1,))
    magnitude = ops.abs(sample) / scale
    edges = 2.0 ** np.arange(LOWEST_EXPONENT + 1, LOWEST_EXPONENT + BINS).astype("float32")
    bins = ops.cast(ops.searchsorted(ops.convert_to_tensor(edges), magnitude, "right"), "int32")
    owners = np.repeat(np.arange(count, dtype="int32"), sample.shape[0] // count)
    counted = ops.logical_and(magnitude > 0.0, magnitude <= LARGEST)
    places = ops.where(counted, bins + BINS * ops.convert_to_tensor(owners), count * BINS)
    counts = ops.segment_sum(ops.ones_like(magnitude), places, num_segments=count * BINS + 1)
    return ops.reshape(counts[:-1], (count, BINS))


def careful_norms(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return norms that neither overflow nor vanish, and numbers of entries not finite."""
    magnitude = ops.abs(rows)
    # NaN compares false, infinity too. TensorFlow's optimizer would turn `not <=` into `>`.
    finite = ops.less_equal(magnitude, LARGEST)
    nonfinite = ops.sum(ops.where(finite, 0.0, 1.0), axis=1)
    unit = positive(ops.amax(magnitude, axis=1))
    return unit * plain_norms(ops.divide(rows, unit[:, None])), nonfinite


def plain_norms(rows: Tensor) -> Tensor:
    """Return the L2 norm of each row."""
    return ops.sqrt(ops.sum(ops.square(rows), axis=1))


def positive(values: Tensor) -> Tensor:
    """Return the values with 1 in the place of 0, to divide by."""
    return ops.where(ops.greater(values, 0.0), values, 1.0)
