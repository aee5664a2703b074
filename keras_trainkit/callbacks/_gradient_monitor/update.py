"""One optimizer update, measured: the gradients it is given, and what it makes of the weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_trainkit._runtime_number import traced_value
from keras_trainkit.callbacks._gradient_monitor.statistics import (
    CENTERED_SIZE,
    REDUCTIONS,
    Kernels,
    Tensor,
    along_rows,
    groups_of,
    log2_counts,
)

GROUPS = ("norms", "full", "cosine", "histograms")
Exchange = Callable[[Sequence[Any], Tensor], Tensor]
THRESHOLDS = ("clipnorm", "global_clipnorm", "clipvalue")


@dataclass(frozen=True)
class Settings:
    """What an optimizer does to gradients before its rule, as the running step reads it.

    Args:
        scale: number or tensor. The incoming gradients are too large by this factor.
        thresholds: dict of the names of `THRESHOLDS` to numbers or tensors, those that are set.
        clips_otherwise: bool. Whether what clipping does cannot be told from these numbers.
    """

    scale: Any
    thresholds: dict[str, Any]
    clips_otherwise: bool

    @classmethod
    def of(
        cls, optimizer: keras.optimizers.Optimizer, all_measured: bool, replicas: int = 1
    ) -> "Settings":
        """Read them, before the update changes the scale."""
        scale: Any = optimizer.loss_scale_factor or 1.0
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            scale = optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
        rule = getattr(optimizer, "inner_optimizer", optimizer)
        found = {name: traced_value(rule, name) for name in THRESHOLDS}
        thresholds = {name: _fixed(value) for name, value in found.items() if _is_on(value)}
        otherwise = getattr(rule, "clipping", None) or rule.gradient_accumulation_steps
        partly = "global_clipnorm" in thresholds and not all_measured
        # Keras's own optimizers clip what each replica has, this package's clip the sum.
        apart = thresholds and replicas > 1 and not hasattr(rule, "_clipped_by_threshold")
        return cls(_fixed(scale), thresholds, bool(otherwise or partly or apart))


def _fixed(value: Any) -> Any:
    """Return a number as it is, and of a variable what it holds now."""
    return value if isinstance(value, float | int) else ops.cast(ops.copy(value), "float32")


def _is_on(threshold: Any) -> bool:
    """Say whether a threshold is one: Keras takes numbers up to 0 for none."""
    return threshold is not None and not (isinstance(threshold, float | int) and threshold <= 0)


class Update:
    """Collects one row of reductions per variable in the course of an update.

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
        self._found: list[dict[str, Tensor]] = [{} for _ in self._groups]
        self._before: list[Tensor] = []

    def begin(self, weights: Sequence[Tensor]) -> None:
        """Keep the weights before the update."""
        for group in self._groups:
            self._before.append(self._kernels.snapshot([weights[i] for i in group]))

    def see(self, gradients: Sequence[Any], settings: Settings, exchange: Exchange) -> None:
        """Measure the gradients; `exchange` takes their directions and returns the last ones."""
        kernels = self._kernels
        for group, found in zip(self._groups, self._found, strict=True):
            rows = kernels.total(kernels.rows([self._tensor(gradients[i], i) for i in group]))
            found["norm"], found["nonfinite"] = kernels.norms(rows)
            if "full" in self._parts:
                self._see_entries(found, rows)
            if "cosine" in self._parts:
                units = rows / found["norm"][:, None]
                last = exchange([self.variables[i] for i in group], units)
                found["cosine"] = along_rows(ops.sum, units * last)
            if "histograms" in self._parts:
                found["counts"] = log2_counts(rows, settings.scale)
            if "clipvalue" in settings.thresholds:
                limit = settings.thresholds["clipvalue"] * settings.scale
                found["clipped"], _ = kernels.norms(ops.clip(rows, -limit, limit))
        self._see_settings(settings)

    def finish(self, weights: Sequence[Tensor]) -> list[tuple[list[Any], Tensor]]:
        """Return the variables of each group and their rows, given the weights afterwards."""
        kernels, blocks = self._kernels, []
        for group, found, before in zip(self._groups, self._found, self._before, strict=True):
            found["weight_norm"] = kernels.plain_norms(before)
            after = kernels.rows([weights[i] for i in group])
            found["update_norm"] = kernels.distances(before, after)
            unknown = kernels.full(len(group), math.nan)
            block = kernels.columns([found.get(name, unknown) for name in REDUCTIONS])
            if "counts" in found:
                block = kernels.join([block, found["counts"]], axis=1)
            blocks.append(([self.variables[i] for i in group], block))
        return blocks

    def _tensor(self, gradient: Any, position: int) -> Tensor:
        """Return a dense gradient; that of a variable which the loss does not use is zero."""
        if gradient is None:
            variable = self.variables[position]
            return ops.zeros(variable.shape, variable.dtype)
        return self._kernels.dense(gradient)

    def _see_entries(self, found: dict[str, Tensor], rows: Tensor) -> None:
        found["mean"] = self._kernels.means(rows)
        found["peak"] = self._kernels.peaks(rows)
        found["zero_fraction"] = self._kernels.zero_fractions(rows)
        if rows.shape[1] <= CENTERED_SIZE:
            found["deviation"], _ = self._kernels.norms(rows - found["mean"][:, None])

    def _see_settings(self, settings: Settings) -> None:
        clipnorm = settings.thresholds.get("clipnorm", math.inf)
        factor = self._factor(settings)
        for group, found in zip(self._groups, self._found, strict=True):
            for name, value in (
                ("scale", settings.scale),
                ("clipnorm", clipnorm),
                ("factor", factor),
            ):
                found[name] = self._kernels.full(len(group), value)

    def _factor(self, settings: Settings) -> Any:
        """Return by what clipping multiplies all gradients, NaN where that is not known."""
        if settings.clips_otherwise:
            return math.nan
        if "global_clipnorm" not in settings.thresholds:
            return 1.0
        norms = self._kernels.join([found["norm"] for found in self._found], axis=0)
        total, _ = self._kernels.norms(norms[None])
        limit = settings.thresholds["global_clipnorm"] * settings.scale
        return limit / ops.maximum(total[0], limit)
