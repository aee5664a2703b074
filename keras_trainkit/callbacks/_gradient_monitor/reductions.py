"""What a training step reduces an update to: a few numbers for each variable.

They come as the rows of float32 matrices, one row per variable, variables of one shape together:
many small reductions become one. What follows from them is worked out by the host, in `record`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_trainkit._tensors import Tensor
from keras_trainkit.diagnosis.history import BINS, LOWEST_EXPONENT

GROUPS = ("norms", "full", "cosine", "histograms")
Exchange = Callable[[Sequence[Any], Tensor], Tensor]
STACKED_SIZE = 2**16
CENTERED_SIZE = 2**10
SAMPLED_SIZE = 2**12
LARGEST = float(np.finfo("float32").max)
SAFE = (1e-15, 1e18)  # Squares of numbers between these neither overflow nor vanish.
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


class Reductions:
    """The operations, in keras.ops; a backend's subclass replaces what it can do for less."""

    def rows(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return tensors of one shape as the rows of a float32 matrix."""
        return ops.cast(ops.reshape(ops.stack(tensors), (len(tensors), -1)), "float32")

    def snapshot(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return copies of tensors of one shape as the rows of a float32 matrix."""
        return self.rows(tensors)

    def dense(self, gradient: Any, shape: Sequence[int]) -> Tensor:
        """Return what the backend calls a gradient of a variable of `shape` as one tensor."""
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


@dataclass(frozen=True)
class Settings:
    """What an optimizer does to gradients before its rule, as the running step reads it.

    Args:
        scale: number or tensor. The incoming gradients are too large by this factor.
        thresholds: dict of `"clipnorm"`, `"global_clipnorm"` or `"clipvalue"` to a number or
            tensor, those that are set.
        clips_otherwise: bool. Whether what clipping does cannot be told from these numbers.
    """

    scale: Any
    thresholds: dict[str, Any]
    clips_otherwise: bool


class Update:
    """Collects one row of reductions per variable in the course of an update.

    Args:
        variables: the variables to measure.
        reductions: `Reductions` of the backend.
        statistics: collection of names from `GROUPS`.
    """

    def __init__(
        self, variables: Sequence[Any], reductions: Reductions, statistics: frozenset[str]
    ) -> None:
        self.variables = variables
        self._reductions = reductions
        self._statistics = statistics
        self._groups = groups_of(variables)
        self._found: list[dict[str, Tensor]] = [{} for _ in self._groups]
        self._before: list[Tensor] = []

    def begin(self, weights: Sequence[Tensor]) -> None:
        """Keep the weights before the update."""
        for group in self._groups:
            self._before.append(self._reductions.snapshot([weights[i] for i in group]))

    def see(self, gradients: Sequence[Any], settings: Settings, exchange: Exchange) -> None:
        """Measure the gradients; `exchange` takes their directions and returns the last ones."""
        reductions = self._reductions
        for group, found in zip(self._groups, self._found, strict=True):
            rows = reductions.total(reductions.rows([self._tensor(gradients[i], i) for i in group]))
            found["norm"], found["nonfinite"] = reductions.norms(rows)
            if "full" in self._statistics:
                self._see_entries(found, rows)
            if "cosine" in self._statistics:
                units = rows / found["norm"][:, None]
                last = exchange([self.variables[i] for i in group], units)
                found["cosine"] = along_rows(ops.sum, units * last)
            if "histograms" in self._statistics:
                found["counts"] = log2_counts(rows, settings.scale)
            if "clipvalue" in settings.thresholds:
                limit = settings.thresholds["clipvalue"] * settings.scale
                found["clipped"], _ = reductions.norms(ops.clip(rows, -limit, limit))
        self._see_settings(settings)

    def finish(self, weights: Sequence[Tensor]) -> list[tuple[list[Any], Tensor]]:
        """Return the variables of each group and their rows, given the weights afterwards."""
        reductions, blocks = self._reductions, []
        for group, found, before in zip(self._groups, self._found, self._before, strict=True):
            found["weight_norm"] = reductions.plain_norms(before)
            after = reductions.rows([weights[i] for i in group])
            found["update_norm"] = reductions.distances(before, after)
            unknown = reductions.full(len(group), math.nan)
            block = reductions.columns([found.get(name, unknown) for name in REDUCTIONS])
            if "counts" in found:
                block = reductions.join([block, found["counts"]], axis=1)
            blocks.append(([self.variables[i] for i in group], block))
        return blocks

    def _tensor(self, gradient: Any, position: int) -> Tensor:
        """Return a dense gradient; that of a variable which the loss does not use is zero."""
        variable = self.variables[position]
        if gradient is None:
            return ops.zeros(variable.shape, variable.dtype)
        return self._reductions.dense(gradient, variable.shape)

    def _see_entries(self, found: dict[str, Tensor], rows: Tensor) -> None:
        found["mean"] = self._reductions.means(rows)
        found["peak"] = self._reductions.peaks(rows)
        found["zero_fraction"] = self._reductions.zero_fractions(rows)
        if rows.shape[1] <= CENTERED_SIZE:
            found["deviation"], _ = self._reductions.norms(rows - found["mean"][:, None])

    def _see_settings(self, settings: Settings) -> None:
        clipnorm = settings.thresholds.get("clipnorm", math.inf)
        factor = self._factor(settings)
        for group, found in zip(self._groups, self._found, strict=True):
            for name, value in (
                ("scale", settings.scale),
                ("clipnorm", clipnorm),
                ("factor", factor),
            ):
                found[name] = self._reductions.full(len(group), value)

    def _factor(self, settings: Settings) -> Any:
        """Return by what clipping multiplies all gradients, NaN where that is not known."""
        if settings.clips_otherwise:
            return math.nan
        if "global_clipnorm" not in settings.thresholds:
            return 1.0
        norms = self._reductions.join([found["norm"] for found in self._found], axis=0)
        total, _ = self._reductions.norms(norms[None])
        limit = settings.thresholds["global_clipnorm"] * settings.scale
        return limit / ops.maximum(total[0], limit)


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
