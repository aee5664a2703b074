"""One optimizer update, measured: the gradients it is given, and what it makes of the weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_trainkit._runtime import running
from keras_trainkit.callbacks._monitor.statistics import (
    LARGEST,
    Kernels,
    Tensor,
    groups_of,
    log2_counts,
    moments,
    plain_norms,
    positive,
    rows_of,
    snapshot,
)
from keras_trainkit.diagnosis.history import STATISTICS

GROUPS = ("norms", "full", "cosine", "histograms")
Exchange = Callable[[Sequence[Any], Tensor], Tensor]
THRESHOLDS = ("clipnorm", "global_clipnorm", "clipvalue")


@dataclass(frozen=True)
class Settings:
    """What an optimizer does to gradients before its rule, as the running step reads it.

    Args:
        scale: number or tensor. The incoming gradients are too large by this factor.
        thresholds: dict of the names of `THRESHOLDS` to numbers or tensors, those that are set.
        clips_otherwise: bool. Whether clipping acts on something else than these gradients.
    """

    scale: Any
    thresholds: dict[str, Any]
    clips_otherwise: bool

    @classmethod
    def of(cls, optimizer: keras.optimizers.Optimizer) -> "Settings":
        """Read them, before the update changes the scale."""
        scale: Any = optimizer.loss_scale_factor or 1.0
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            scale = optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
        rule = getattr(optimizer, "inner_optimizer", optimizer)
        thresholds = {name: running(rule, name) for name in THRESHOLDS}
        return cls(
            ops.copy(scale),
            {name: value for name, value in thresholds.items() if value is not None},
            bool(getattr(rule, "clipping", None) or rule.gradient_accumulation_steps),
        )


class Update:
    """Collects one row of statistics per variable in the course of an update.

    Args:
        variables: the variables to measure.
        kernels: `Kernels` of the backend.
        parts: collection of names from `GROUPS`.
    """

    def __init__(self, variables: Sequence[Any], kernels: Kernels, parts: frozenset[str]) -> None:
        self.variables = variables
        self._kernels = kernels
        self._parts = parts
        self._groups = groups_of(variables)
        self._columns: list[dict[str, Tensor]] = [{} for _ in self._groups]
        self._before: list[Tensor] = []

    def begin(self, weights: Sequence[Tensor]) -> None:
        """Keep the weights before the update."""
        self._before = [snapshot([weights[i] for i in group]) for group in self._groups]

    def see(self, gradients: Sequence[Any], settings: Settings, exchange: Exchange) -> None:
        """Measure the gradients; `exchange` takes their directions and returns the last ones."""
        scale = settings.scale
        for group, columns in zip(self._groups, self._columns, strict=True):
            rows = self._kernels.total(rows_of([self._tensor(gradients[i], i) for i in group]))
            norms, nonfinite = self._kernels.norms(rows)
            columns["norm"] = ops.where(nonfinite > 0, math.inf, norms / scale)
            columns["nonfinite"] = nonfinite
            if "full" in self._parts:
                self._see_entries(columns, rows, norms, scale)
            if "cosine" in self._parts:
                units = rows / norms[:, None]
                last = exchange([self.variables[i] for i in group], units)
                columns["cosine"] = ops.sum(units * last, axis=1)
            if "histograms" in self._parts:
                columns["counts"] = log2_counts(rows, scale)
            if "clipvalue" in settings.thresholds:
                limit = ops.cast(settings.thresholds["clipvalue"], "float32") * scale
                clipped, _ = self._kernels.norms(ops.clip(rows, -limit, limit))
                columns["clipped_norm"] = ops.where(nonfinite > 0, math.inf, clipped / scale)
        if not settings.clips_otherwise and "clipvalue" not in settings.thresholds:
            self._see_clipped(settings.thresholds)

    def finish(self, weights: Sequence[Tensor]) -> list[tuple[list[Any], Tensor]]:
        """Return the variables of each group and their rows, given the weights afterwards."""
        blocks = []
        for group, columns, before in zip(self._groups, self._columns, self._before, strict=True):
            norms = plain_norms(before)
            moves = self._kernels.distances(before, snapshot([weights[i] for i in group]))
            columns["weight_norm"] = ops.where(norms <= LARGEST, norms, math.inf)
            columns["update_norm"] = ops.where(moves <= LARGEST, moves, math.inf)
            counts = columns.pop("counts", None)
            unknown = ops.full((len(group),), math.nan, "float32")
            block = ops.stack([columns.get(name, unknown) for name in STATISTICS], axis=1)
            if counts is not None:
                block = ops.concatenate([block, counts], axis=1)
            blocks.append(([self.variables[i] for i in group], block))
        return blocks

    def _tensor(self, gradient: Any, position: int) -> Tensor:
        """Return a dense gradient; that of a variable which the loss does not use is zero."""
        if gradient is None:
            variable = self.variables[position]
            return ops.zeros(variable.shape, variable.dtype)
        return self._kernels.dense(gradient)

    def _see_entries(
        self, columns: dict[str, Tensor], rows: Tensor, norms: Tensor, scale: Tensor
    ) -> None:
        broken = columns["nonfinite"] > 0
        mean, std = moments(rows, norms, self._kernels)
        columns["max_abs"] = ops.where(broken, math.inf, self._kernels.peaks(rows) / scale)
        columns["mean"] = ops.where(broken, math.nan, mean / scale)
        columns["std"] = ops.where(broken, math.nan, std / scale)
        zeros = self._kernels.zero_fractions(rows)
        columns["zero_fraction"] = ops.where(broken, math.nan, zeros)

    def _see_clipped(self, thresholds: dict[str, Any]) -> None:
        """Work out the norms after clipping by norm, which need no pass over the gradients."""
        norms = ops.concatenate([columns["norm"] for columns in self._columns])
        largest = positive(ops.max(norms))
        total = largest * plain_norms((norms / largest)[None])[0]
        for columns in self._columns:
            kept = columns["norm"]
            if "clipnorm" in thresholds:
                kept = ops.minimum(kept, ops.cast(thresholds["clipnorm"], "float32"))
            if "global_clipnorm" in thresholds:
                limit = ops.cast(thresholds["global_clipnorm"], "float32")
                kept = kept * ops.minimum(limit / positive(total), 1.0)
            columns["clipped_norm"] = kept
