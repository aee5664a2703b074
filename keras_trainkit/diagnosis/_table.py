"""A summary as text: aligned columns, the worst rows first, names as short as they can be."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from keras_trainkit.diagnosis.history import layer_of, short_names

HEAD = ("size", "mean |g|", "max |g_i|", "zeros", "update", "non-finite", "")
# The first words of the notes, the worst first: nothing else tells of a layer left out.
KINDS = ("zero", "non-finite", "dead", "vanishing")
LONGEST_NAME = 40


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


Row = tuple[VariableSummary, str]


def severity(note: str) -> int:
    """Return 0 for the worst kind of note, and most for none."""
    return ([*KINDS, ""]).index(note.partition(" ")[0])


def worst_first(rows: Sequence[VariableSummary], names: Sequence[str]) -> list[Row]:
    """Return rows and their names by what is noted, then as they were: from input to output."""
    return sorted(zip(rows, names, strict=True), key=lambda pair: severity(pair[0].note))


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


def table(rows: Sequence[Row], title: str) -> list[str]:
    """Return the lines: rules, what the columns are, and the rows."""
    cells = [_cells(row, name) for row, name in rows]
    head = (title, *HEAD)
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = [_aligned(line, widths) for line in (head, *cells)]
    rule = "-" * max(map(len, lines))
    return [rule, lines[0], rule, *lines[1:], rule]


def shown(value: float, form: str = ".2e", unit: str = "") -> str:
    """Return a number as text, `-` for what was not recorded, and no negative zero."""
    return "-" if math.isnan(value) else f"{value:z{form}}{unit}"


def _without_middle(name: str) -> str:
    first, *rest = name.split("/")
    if len(name) <= LONGEST_NAME:
        return name
    while len(rest) > 1 and len(f"{first}/../{'/'.join(rest)}") > LONGEST_NAME:
        rest = rest[1:]
    kept = "/".join((first, "..", *rest)) if len(rest) < name.count("/") else name
    return kept if len(kept) <= LONGEST_NAME else _of_cut_segments(kept.split("/"))


def _of_cut_segments(segments: Sequence[str]) -> str:
    """Return a name whose long segments keep both ends, where the numbers stand."""
    room = (LONGEST_NAME + 1) // len(segments) - 1
    half = (room - 2) // 2
    return "/".join(s if len(s) <= room else f"{s[:half]}..{s[-half:]}" for s in segments)


def _cells(row: VariableSummary, name: str) -> tuple[str, ...]:
    recorded = row.nonfinite or not math.isnan(row.mean_norm)
    return (
        name,
        f"{row.size:,}",
        shown(row.mean_norm),
        shown(row.max_abs),
        shown(100 * row.zero_fraction, ".1f", " %"),
        shown(row.update_ratio),
        f"{row.nonfinite:,}" if recorded else "-",
        row.note,
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, note = cells
    aligned = (text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join((first.ljust(widths[0]), *aligned, note)).rstrip()
