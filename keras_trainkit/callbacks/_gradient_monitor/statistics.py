"""The reductions of gradients and weights that are made inside a training step.

They come as the rows of float32 matrices, one row per variable, variables of one shape together:
many small reductions become one. What follows from the reductions is worked out by the host, in
`derive`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit.diagnosis.history import BINS, LOWEST_EXPONENT, STATISTICS

Tensor = Any
STACKED_SIZE = 2**16
CENTERED_SIZE = 2**10
SAMPLED_SIZE = 2**12
LARGEST = float(np.finfo("float32").max)
SAFE = (1e-15, 1e18)  # Squares of numbers between these neither overflow nor vanish.
FACTS = ("batch_size", "broken_examples", "loss_broken", "broken_here", "first_broken")
# The numbers of one variable that leave the step. All but `update_norm` and `weight_norm` are of
# the gradient as the optimizer is given it: too large by `scale`. `deviation` is |g - mean|_2, and
# `clipped` the norm where entries are clipped; a norm above `clipnorm` becomes that, and then all
# are multiplied by `factor`.
REDUCTIONS = (
    "norm",
    "peak",
    "mean",
    "deviation",
    "zero_fraction",
    "nonfinite",
    "weight_norm",
    "update_norm",
    "clipped",
    "cosine",
    "scale",
    "clipnorm",
    "factor",
)


class Kernels:
    """The operations, in keras.ops; a backend's subclass replaces what it can do for less."""

    def rows(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return tensors of one shape as the rows of a float32 matrix."""
        return ops.cast(ops.reshape(ops.stack(tensors), (len(tensors), -1)), "float32")

    def snapshot(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return copies of tensors of one shape as the rows of a float32 matrix."""
        return self.rows(tensors)

    def dense(self, gradient: Any) -> Tensor:
        """Return what the backend calls a gradient as one tensor."""
        return ops.convert_to_tensor(gradient)

    def replicas(self) -> int:
        """Return how many replicas run the step at once."""
        return 1

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over replicas."""
        return values

    def norms(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's L2 norm, and its number of entries that are NaN or infinite.

        The norm neither overflows nor vanishes; what it is of a row that is not finite is open.
        """
        return careful_norms(rows)

    def plain_norms(self, rows: Tensor) -> Tensor:
        """Return each row's L2 norm by the sum of its squares, which may overflow or vanish."""
        return ops.sqrt(along_rows(ops.sum, ops.square(rows)))

    def distances(self, before: Tensor, after: Tensor) -> Tensor:
        """Return the L2 norm of each row's difference; `before` may be overwritten."""
        return self.plain_norms(after - before)

    def means(self, rows: Tensor) -> Tensor:
        """Return the mean of each row."""
        return along_rows(ops.mean, rows)

    def peaks(self, rows: Tensor) -> Tensor:
        """Return the largest magnitude of each row."""
        return along_rows(ops.max, ops.abs(rows))

    def zero_fractions(self, rows: Tensor) -> Tensor:
        """Return the share of each row's entries that are zero."""
        return along_rows(ops.mean, ops.cast(ops.equal(rows, 0.0), "float32"))

    def full(self, count: int, value: Any) -> Tensor:
        """Return a vector of one number."""
        return ops.full((count,), ops.cast(value, "float32"), "float32")

    def columns(self, vectors: Sequence[Tensor]) -> Tensor:
        """Return vectors as the columns of a matrix."""
        return ops.stack(vectors, axis=1)

    def join(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Return the parts as one tensor."""
        return ops.concatenate(parts, axis=axis)

    def vector(self, numbers: Sequence[Any]) -> Tensor:
        """Return numbers and scalars as a vector."""
        return ops.stack([ops.cast(number, "float32") for number in numbers])

    def is_broken(self, scalar: Tensor) -> Tensor:
        """Return 1 for NaN or infinity, else 0."""
        return 1.0 - ops.cast(ops.isfinite(scalar), "float32")

    def broken_examples(self, leaves: Sequence[Tensor]) -> tuple[Any, Any]:
        """Return how many examples of a batch hold NaN or infinity, and the first's position."""
        broken = ops.zeros(ops.shape(leaves[0])[:1], "float32")
        for leaf in leaves:
            finite, within = ops.isfinite(leaf), tuple(range(1, len(leaf.shape)))
            finite = ops.all(finite, axis=within) if within else finite
            broken = ops.maximum(broken, 1.0 - ops.cast(finite, "float32"))
        return ops.sum(broken), ops.argmax(broken)


def groups_of(variables: Sequence[Any]) -> list[list[int]]:
    """Return positions by shape: small variables share their operations, large ones stay alone."""
    groups: dict[Any, list[int]] = {}
    for position, variable in enumerate(variables):
        alone = position if math.prod(variable.shape) > STACKED_SIZE else None
        groups.setdefault((tuple(variable.shape), str(variable.dtype), alone), []).append(position)
    return list(groups.values())


def careful_norms(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return norms that neither overflow nor vanish, and numbers of entries not finite."""
    magnitude = ops.abs(rows)
    # NaN compares false, infinity too. TensorFlow's optimizer would turn `not <=` into `>`.
    finite = ops.less_equal(magnitude, LARGEST)
    nonfinite = along_rows(ops.sum, ops.where(finite, 0.0, 1.0))
    peak = along_rows(ops.max, magnitude)
    unit = ops.where(ops.greater(peak, 0.0), peak, 1.0)
    squares = ops.square(rows / unit[:, None])
    return unit * ops.sqrt(along_rows(ops.sum, squares)), nonfinite


def along_rows(reduce: Callable, rows: Tensor) -> Tensor:
    """Reduce each row to a number; XLA takes five times as long over an axis of one row."""
    return reduce(rows)[None] if rows.shape[0] == 1 else reduce(rows, axis=1)


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


def derive(reductions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the statistics of one step, `(V, 10)`, from its reductions, `(V, 13)`.

    Of long rows std^2 = |g|^2 / n - mean^2, whose relative error is 1e-7 (1 + mean^2 / std^2).
    """
    r = dict(zip(REDUCTIONS, reductions.astype("float64").T, strict=True))
    present, broken = ~np.isnan(r["nonfinite"]), r["nonfinite"] > 0
    full = ~np.isnan(r["zero_fraction"])  # The mean of a broken gradient may be NaN itself.
    with np.errstate(all="ignore"):
        long = np.sqrt(np.maximum(r["norm"] ** 2 - sizes * r["mean"] ** 2, 0.0))
        deviation = np.where(np.isnan(r["deviation"]), long, r["deviation"])
        clipped = np.where(np.isnan(r["clipped"]), r["norm"], r["clipped"]) / r["scale"]
        derived = {
            "norm": np.where(broken, math.inf, r["norm"] / r["scale"]),
            "max_abs": np.where(broken & full, math.inf, r["peak"] / r["scale"]),
            "mean": np.where(broken, math.nan, r["mean"] / r["scale"]),
            "std": np.where(broken, math.nan, deviation / np.sqrt(sizes) / r["scale"]),
            "zero_fraction": np.where(broken, math.nan, r["zero_fraction"]),
            "nonfinite": r["nonfinite"],
            "clipped_norm": np.where(broken, math.inf, clipped),
            "cosine": np.where(broken, math.nan, r["cosine"]),
        }
        derived["clipped_norm"] = np.fmin(derived["clipped_norm"], r["clipnorm"]) * r["factor"]
    for name in ("weight_norm", "update_norm"):
        derived[name] = np.where(present & ~np.isfinite(r[name]), math.inf, r[name])
    return np.stack([derived[name] for name in STATISTICS], axis=1).astype("float32")
