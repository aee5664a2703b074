"""What is remarkable about a variable in the course of a training, in a few words."""

from collections.abc import Iterator, Sequence

import numpy as np

from keras_trainkit.diagnosis._course import DEAD_STEPS, GONE, JUMP, Course
from keras_trainkit.diagnosis.thresholds import Thresholds

# The first words of the notes, the worst first: nothing else tells of a layer left out.
KINDS = ("exploded", "units", "zero", "non-finite", "dead", "vanishing")


def notes(course: Course, thresholds: Thresholds) -> tuple[list[str], tuple[str, ...]]:
    """Return a note for each variable, `""` where nothing is remarkable, and what they mean."""
    medians = [_median(column) for column in course.variable_norms.T]
    limit = thresholds.vanishing_share * max(medians, default=0.0)
    limit = min(limit, thresholds.vanishing_norm)
    found = [
        ", ".join(_of_variable(course, i, 0 < median < limit)) for i, median in enumerate(medians)
    ]
    said = {part.partition(" ")[0] for note in found for part in note.split(", ")}
    return found, tuple(
        text for kind, text in _meanings(course, thresholds, limit).items() if kind in said
    )


def severity(note: str) -> int:
    """Return 0 for the worst kind of note, and most for none."""
    return ([*KINDS, ""]).index(note.partition(" ")[0])


def worst(found: Sequence[str]) -> str:
    """Return the worst note of a layer's variables, and how many of them have it."""
    chosen = min(found, key=severity)
    count = sum(severity(note) == severity(chosen) for note in found)
    return f"{chosen} ({count} of {len(found)})" if chosen and count < len(found) else chosen


def _meanings(course: Course, thresholds: Thresholds, limit: float) -> dict[str, str]:
    quiet = "none does" if course.exploded is None else f"none does, or {GONE:g} of the first"
    return {
        "exploded": f"exploded: the gradients grew {JUMP:,.0f}-fold or more, and here it began",
        "units": "units dead: they put out 0 for every input, or no gradient reaches them",
        "zero": "zero: no gradient ever reached this variable",
        "non-finite": "non-finite: at some step the gradient held NaN or infinity",
        "dead": f"dead: gradients reached this variable, and from that step on {quiet}",
        "vanishing": f"vanishing: median |g| < {limit:.1e}, the smaller of "
        f"{thresholds.vanishing_norm:g} and {thresholds.vanishing_share:g} of the largest",
    }


def _of_variable(course: Course, variable: int, vanishes: bool) -> Iterator[str]:
    steps, layer = course.history.steps, int(course.owners[variable])
    norms = course.variable_norms[:, variable]
    exploded = course.exploded is not None and layer == course.begin
    if exploded:
        yield f"exploded at step {steps[course.exploded]}"
    share = course.dead_shares.get(layer, 1.0)
    if (layer == course.origin and not exploded) or (layer in course.dead_shares and share < 1):
        yield f"units dead: {100 * share:.0f} %"
    broken = np.flatnonzero(course.broken[:, variable])
    if broken.size:
        yield f"non-finite since step {steps[broken[0]]}"
    ending = "" if broken.size else _ending(course, variable)
    if ending:
        yield ending
    elif vanishes and not broken.size and (norms > 0).any():
        yield "vanishing"


def _ending(course: Course, variable: int) -> str:
    """Return since when no gradient reaches a variable, `""` if one does."""
    norms, since = course.variable_norms[:, variable], course.variables_silent_since[variable]
    given = np.flatnonzero(~np.isnan(norms))  # A step may leave a variable out.
    if not since:
        return "zero" if given.size else ""
    unreached = given[given >= since]
    return (
        f"dead since step {course.history.steps[unreached[0]]}"
        if (len(unreached) >= DEAD_STEPS)
        else ""
    )


def _median(norms: np.ndarray) -> float:
    """Return the median over the steps at which a gradient came, 0 if none did."""
    reached = norms[np.isfinite(norms) & (norms > 0)]
    return float(np.median(reached)) if reached.size else 0.0
