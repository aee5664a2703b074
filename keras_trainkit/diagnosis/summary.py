"""The health of the gradients as a table that a person can read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_trainkit._validation import positive
from keras_trainkit.diagnosis.history import History, short_names
from keras_trainkit.diagnosis.nonfinite import NonFinite

SHOWN_EVENTS = 5
HEAD = ("variable", "size", "mean |g|", "max |g_i|", "zeros", "update", "non-finite", "")


@dataclass(frozen=True)
class Thresholds:
    """The limits behind the notes of a summary.

    A gradient is vanishing if its mean norm is below both limits: small in itself, and small
    beside the largest one of the model.

    Args:
        vanishing_norm: float > 0. Limit of the mean gradient norm. Defaults to `1e-4`.
        vanishing_share: float > 0. Limit of its share of the largest one. Defaults to `1e-3`.

    Raises:
        ValueError: if a limit is not a number > 0.

    Reference:
        Zhang et al. (2021), AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair
        System, ICSE 2021: both values.
    """

    vanishing_norm: float = 1e-4
    vanishing_share: float = 1e-3

    def __post_init__(self) -> None:
        """Check the limits."""
        positive("vanishing_norm", self.vanishing_norm)
        positive("vanishing_share", self.vanishing_share)


DEFAULTS = Thresholds()


class VariableSummary(NamedTuple):
    """One variable over the steps at which its gradient was finite."""

    variable: str
    size: int
    mean_norm: float
    max_abs: float
    zero_fraction: float
    update_ratio: float
    nonfinite: int
    note: str


@dataclass(frozen=True)
class Summary:
    """One row per variable; `print` shows an aligned table, with `-` for what was not recorded.

    Attributes:
        title: string. What was recorded.
        rows: tuple of `VariableSummary`. `mean_norm` and `zero_fraction` are means over the
            steps, `max_abs` is the maximum, `update_ratio` the median, `nonfinite` the total.
        legend: tuple of strings. What the notes in the table mean.
        noise_scale: float. In examples, the batch size beyond which larger batches hardly
            help; NaN if not recorded.
        clipping: float. The share of steps that were clipped; NaN if not recorded.
        events: tuple of `NonFinite`. Shown below the table, at most the first 5.
    """

    title: str
    rows: tuple[VariableSummary, ...]
    legend: tuple[str, ...]
    noise_scale: float = math.nan
    clipping: float = math.nan
    events: tuple[NonFinite, ...] = ()

    def __str__(self) -> str:
        """Return the table."""
        names = short_names([row.variable for row in self.rows])
        cells = [_cells(row, name) for row, name in zip(self.rows, names, strict=True)]
        widths = [max(map(len, column)) for column in zip(HEAD, *cells, strict=True)]
        lines = [_aligned(line, widths) for line in (HEAD, *cells)]
        rule = "-" * max(map(len, lines))
        above = (self.title, *self._batch_and_clipping(), rule, lines[0], rule)
        return "\n".join((*above, *lines[1:], rule, *self.legend, *self._first_events()))

    __repr__ = __str__

    def _batch_and_clipping(self) -> tuple[str, ...]:
        known = []
        if math.isinf(self.noise_scale):
            known.append("noise scale too large to measure: consecutive gradients disagree")
        elif not math.isnan(self.noise_scale):
            known.append(
                f"noise scale {self.noise_scale:,.0f} examples, "
                "the batch size beyond which larger batches hardly help"
            )
        if self.clipping > 0:
            known.append(f"{100 * self.clipping:.1f} % of the steps clipped")
        return ("; ".join(known),) if known else ()

    def _first_events(self) -> tuple[str, ...]:
        more = len(self.events) - SHOWN_EVENTS
        shown = tuple(map(str, self.events[:SHOWN_EVENTS]))
        return (*shown, f"... and {more} more events") if more > 0 else shown


def summarize(history: History, thresholds: Thresholds | None = None) -> Summary:
    """Return the health of each variable's gradients over all steps of `history`.

    Args:
        history: `History` with at least one step.
        thresholds: `Thresholds` of the notes. Defaults to `Thresholds()`.
    """
    thresholds = thresholds or DEFAULTS
    means = [_over_finite(np.mean, column) for column in history["norm"].T]
    limit = thresholds.vanishing_share * max((m for m in means if np.isfinite(m)), default=0.0)
    limit = min(limit, thresholds.vanishing_norm)
    rows = tuple(_row(history, i, means[i], limit) for i in range(len(history.variables)))
    meanings = {
        "non-finite": "non-finite: at some step the gradient held NaN or infinity",
        "zero": "zero: no gradient ever reached this variable",
        "vanishing": f"vanishing: mean |g| < {limit:.1e}, the smaller of "
        f"{thresholds.vanishing_norm:g} and {thresholds.vanishing_share:g} of the largest",
    }
    notes = {row.note for row in rows}
    legend = tuple(text for note, text in meanings.items() if note in notes)
    return Summary(
        _title(history), rows, legend, history.noise_scale(), history.clipping, history.events
    )


def _row(history: History, index: int, mean_norm: float, limit: float) -> VariableSummary:
    column = {name: history[name][:, index] for name in ("max_abs", "zero_fraction")}
    nonfinite = int(np.nansum(history["nonfinite"][:, index]))
    if nonfinite:
        note = "non-finite"
    elif mean_norm == 0:
        note = "zero"
    else:
        note = "vanishing" if mean_norm < limit else ""
    return VariableSummary(
        variable=history.variables[index],
        size=int(history.sizes[index]),
        mean_norm=mean_norm,
        max_abs=_over_finite(np.max, column["max_abs"]),
        zero_fraction=_over_finite(np.mean, column["zero_fraction"]),
        update_ratio=_over_finite(np.median, history["update_ratio"][:, index]),
        nonfinite=nonfinite,
        note=note,
    )


def _over_finite(reduce: Callable, values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(reduce(finite)) if finite.size else math.nan


def _title(history: History) -> str:
    norm = history.global_norm
    epochs = sorted({int(epoch) + 1 for epoch in history.epochs})
    span = f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {epochs[0]}-{epochs[-1]}"
    return (
        f"Gradients of {len(history.variables)} variables over {len(norm)} steps, {span}; "
        f"global norm {_shown(norm[0])} at first, {_shown(norm[-1])} at last"
    )


def _cells(row: VariableSummary, name: str) -> tuple[str, ...]:
    recorded = row.nonfinite or not math.isnan(row.mean_norm)
    return (
        name,
        f"{row.size:,}",
        _shown(row.mean_norm),
        _shown(row.max_abs),
        _shown(100 * row.zero_fraction, ".1f", " %"),
        _shown(row.update_ratio),
        f"{row.nonfinite:,}" if recorded else "-",
        row.note,
    )


def _shown(value: float, form: str = ".2e", unit: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, note = cells
    aligned = (text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join((first.ljust(widths[0]), *aligned, note)).rstrip()
