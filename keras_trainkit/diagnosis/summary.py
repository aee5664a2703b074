"""The health of the gradients as a table that a person can read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_trainkit.diagnosis._course import Course
from keras_trainkit.diagnosis._diagnosis import html
from keras_trainkit.diagnosis._summary.notes import notes as notes_of
from keras_trainkit.diagnosis._summary.notes import severity, worst
from keras_trainkit.diagnosis._summary.verdict import verdict
from keras_trainkit.diagnosis.diagnose import diagnose
from keras_trainkit.diagnosis.history import (
    History,
    layer_of,
    ratio,
    root_sum_square,
    short_names,
)
from keras_trainkit.diagnosis.nonfinite import NonFinite
from keras_trainkit.diagnosis.thresholds import Thresholds

SHOWN_EVENTS = 5
_NORMS = ("norm", "update_norm", "weight_norm")
_COLUMNS = (*_NORMS, "max_abs", "zero_fraction", "nonfinite")
Columns = Mapping[str, np.ndarray]
# More variables than `MANY` are shown by layer, and of the layers so many.
MANY, SHOWN_LAYERS = 40, 30
_HEAD = ("size", "mean |g|", "max |g_i|", "zeros", "update", "non-finite", "")
_LONGEST_NAME = 40


DEFAULTS = Thresholds()


class VariableSummary(NamedTuple):
    """One variable, or layer, over the steps at which its gradient was finite."""

    variable: str
    size: int
    mean_norm: float
    max_abs: float
    zero_fraction: float
    update_ratio: float
    nonfinite: int
    note: str


_Cells = tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """One row per variable; `print` shows an aligned table, with `-` for what was not recorded.

    Rows with a note come first, the worst on top, the others follow from input to output. More
    than 40 variables are printed by layer, at most 30; `in_full` is a line for each variable.

    Attributes:
        title: string. What was recorded.
        rows: tuple of `VariableSummary`, in the order of the model. `mean_norm` and `zero_fraction`
            are means over the steps, `max_abs` is the maximum, `update_ratio` the median,
            `nonfinite` the total.
        legend: tuple of strings. What the notes in the table mean.
        noise_scale: float. In examples, the batch size beyond which larger batches hardly
            help; NaN if not recorded.
        clipping: float. The share of steps that were clipped; NaN if not recorded.
        events: tuple of `NonFinite`. Shown below the table, at most the first 5.
        layers: tuple of `VariableSummary`, the same for all variables of a layer together. `note`
            is the worst of theirs.
        verdict: tuple of strings. The last lines: what is wrong, and the next step to take.
    """

    title: str
    rows: tuple[VariableSummary, ...]
    legend: tuple[str, ...]
    noise_scale: float = math.nan
    clipping: float = math.nan
    events: tuple[NonFinite, ...] = ()
    layers: tuple[VariableSummary, ...] = ()
    verdict: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the table, by layer if there are many variables."""
        return self._printed(*self._shown())

    __repr__ = __str__

    def in_full(self) -> str:
        """Return the table with a line for each variable."""
        return self._printed("variable", self._of_variables())

    def as_table(self) -> html.Table:
        """Return what is printed as the parts of a table, for HTML."""
        kind, cells, *more = self._shown()
        above = (self.title, *self._batch_and_clipping())
        below = (*self.legend, *self._first_events(), *more)
        return html.Table(above, (kind, *_HEAD), cells, below, self.verdict)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return html.fragment(str(self), table=self.as_table())

    def _shown(self) -> tuple:
        """Return what a row is, the cells, and for many variables how to see all of them."""
        if len(self.rows) <= MANY or not self.layers:
            return "variable", self._of_variables()
        names = fitted(short_names([row.variable for row in self.layers]))
        more = len(self.layers) - SHOWN_LAYERS
        rest = f"... and {more} more layers; " if more > 0 else ""
        in_full = f"{rest}each variable: print(summary.in_full())"
        return "layer", _sorted_cells(self.layers, names)[:SHOWN_LAYERS], in_full

    def _of_variables(self) -> list[_Cells]:
        return _sorted_cells(self.rows, variable_names(self.rows))

    def _printed(self, kind: str, cells: Sequence[_Cells], *more: str) -> str:
        lines = (self.title, *self._batch_and_clipping(), *_table(kind, cells))
        return "\n".join((*lines, *self.legend, *self._first_events(), *more, *self.verdict))

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
        first = tuple(map(str, self.events[:SHOWN_EVENTS]))
        return (*first, f"... and {more} more events") if more > 0 else first


def summarize(history: History, thresholds: Thresholds | None = None) -> Summary:
    """Return the health of each variable's gradients over all steps of `history`.

    Args:
        history: `History` with at least one step.
        thresholds: `Thresholds` of the notes. Defaults to `Thresholds()`.
    """
    thresholds = thresholds or DEFAULTS
    columns = {name: history[name] for name in _COLUMNS}
    course = Course(history)
    notes, legend = notes_of(course, thresholds)
    rows = tuple(
        _row(columns, history.sizes, name, [i], notes[i])
        for i, name in enumerate(history.variables)
    )
    layers = tuple(
        _row(columns, history.sizes, layer, members, worst([notes[i] for i in members]))
        for layer, members in (
            (layer, np.flatnonzero(course.owners == i).tolist())
            for i, layer in enumerate(course.layers)
        )
    )
    return Summary(
        _title(history),
        rows,
        legend,
        history.noise_scale(),
        history.clipping,
        history.events,
        layers,
        verdict(diagnose(history, thresholds)),
    )


def _row(
    columns: Columns, sizes: np.ndarray, name: str, members: Sequence[int], note: str
) -> VariableSummary:
    """Return the numbers of some variables taken together."""
    norm, update, weight = (root_sum_square(columns[n][:, members]) for n in _NORMS)
    sizes = sizes[members]
    zeros = [_over_finite(np.mean, columns["zero_fraction"][:, i]) for i in members]
    known = np.isfinite(zeros)
    return VariableSummary(
        variable=name,
        size=int(sizes.sum()),
        mean_norm=_over_finite(np.mean, norm),
        max_abs=_over_finite(np.max, columns["max_abs"][:, members]),
        zero_fraction=float(np.average(np.array(zeros)[known], weights=sizes[known]))
        if known.any()
        else math.nan,
        update_ratio=_over_finite(np.median, ratio(update, weight)),
        nonfinite=int(np.nansum(columns["nonfinite"][:, members])),
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


def _sorted_cells(rows: Sequence[VariableSummary], names: Sequence[str]) -> list[_Cells]:
    """Return the cells of rows by what is noted, then as they were: from input to output."""
    pairs = sorted(zip(rows, names, strict=True), key=lambda pair: severity(pair[0].note))
    return [_cells(row, name) for row, name in pairs]


def variable_names(rows: Sequence[VariableSummary]) -> list[str]:
    """Return the names of variables as short as their layers' names can be."""
    layers = {layer_of(row.variable): None for row in rows}
    short = dict(zip(layers, short_names(list(layers)), strict=True))
    tails = [row.variable[len(layer_of(row.variable)) :] for row in rows]
    return [short[layer_of(row.variable)] + tail for row, tail in zip(rows, tails, strict=True)]


def fitted(names: Sequence[str]) -> list[str]:
    """Return names without the middle of long ones, unless that makes two the same."""
    short = [_without_middle(name) for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)


def _table(kind: str, cells: Sequence[_Cells]) -> list[str]:
    """Return the lines: rules, what the columns are, and the rows."""
    head = (kind, *_HEAD)
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = [_aligned(line, widths) for line in (head, *cells)]
    rule = "-" * max(map(len, lines))
    return [rule, lines[0], rule, *lines[1:], rule]


def _shown(value: float, form: str = ".2e", unit: str = "") -> str:
    """Return a number as text, `-` for what was not recorded, and no negative zero."""
    return "-" if math.isnan(value) else f"{value:z{form}}{unit}"


def _without_middle(name: str) -> str:
    first, *rest = name.split("/")
    if len(name) <= _LONGEST_NAME:
        return name
    while len(rest) > 1 and len(f"{first}/../{'/'.join(rest)}") > _LONGEST_NAME:
        rest = rest[1:]
    kept = "/".join((first, "..", *rest)) if len(rest) < name.count("/") else name
    return kept if len(kept) <= _LONGEST_NAME else _of_cut_segments(kept.split("/"))


def _of_cut_segments(segments: Sequence[str]) -> str:
    """Return a name whose long segments keep both ends, where the numbers stand."""
    room = (_LONGEST_NAME + 1) // len(segments) - 1
    half = (room - 2) // 2
    return "/".join(s if len(s) <= room else f"{s[:half]}..{s[-half:]}" for s in segments)


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


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, note = cells
    aligned = (text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join((first.ljust(widths[0]), *aligned, note)).rstrip()
