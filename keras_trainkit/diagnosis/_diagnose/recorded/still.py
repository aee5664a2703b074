"""Rules over weights that do not move, or move all alike."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from keras_trainkit.diagnosis._course import DEAD_STEPS, Course
from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.recorded.gradients import is_kernel
from keras_trainkit.diagnosis._diagnose.recorded.works import best_skill, learns, severity
from keras_trainkit.diagnosis._diagnose.static.structure import listed
from keras_trainkit.diagnosis.finding import Evidence, Finding
from keras_trainkit.diagnosis.history import layer_of


def frozen_layer(case: Case) -> Iterator[Finding]:
    """Find layers that no gradient ever reaches, or that do not move, while others do."""
    course = case.course
    if course is None or len(course.norms) < DEAD_STEPS:
        return
    reached, moved = course.norms > 0, course.updates > 0
    never = ~reached.any(axis=0) & ~np.isnan(course.norms).all(axis=0)
    stuck = reached.any(axis=0) & ~moved.any(axis=0) & ~np.isnan(course.updates).all(axis=0)
    if moved.any():
        still = [int(i) for i in np.flatnonzero(never) if not _explained(course, int(i))]
        yield from _without_steps(case, course, still, "No gradient ever reaches")
        yield from _without_steps(
            case, course, np.flatnonzero(stuck).tolist(), "The optimizer never moves"
        )


def symmetric_weights(case: Case) -> Iterator[Finding]:
    """Find layers whose units are all alike: weights of 0, or the same gradient for each unit."""
    course = case.course
    if course is None or len(course.norms) < DEAD_STEPS:
        return
    for i in (*_still_zero(course), *_twins(course)):
        name = layer_of(course.history.variables[i])
        yield Finding(
            "symmetric_weights",
            severity(case),
            f"All units of {name} are alike and stay so: they began with the same weights.",
            where=name,
            remedies=remedies.redrawn(case),
        )
        return


RULES: tuple[Rule, ...] = (frozen_layer, symmetric_weights)


def _without_steps(
    case: Case, course: Course, layers: Sequence[int], why: str
) -> Iterator[Finding]:
    if not len(layers):
        return
    paths = [course.layers[i] for i in layers]
    yield Finding(
        "frozen_layer",
        severity(case) if math.isnan(best_skill(case)) or not learns(case) else "warning",
        f"{why} {listed(paths)}.",
        where=paths[0],
        when=f"steps 0-{int(course.history.steps[-1])}",
        evidence=(Evidence("layers", len(paths), 0),),
        remedies=remedies.reached(case, paths[0]),
    )


def _still_zero(course: Course) -> list[int]:
    """Return hidden kernels that are 0 from first to last while no gradient comes."""
    zero = (course.variable_weights == 0).all(axis=0) & (course.variable_norms == 0).all(axis=0)
    return [
        i for i in map(int, np.flatnonzero(zero)) if is_kernel(course, i) and _is_hidden(course, i)
    ]


def _twins(course: Course) -> list[int]:
    """Return hidden biases whose gradient was the same for all units at each step."""
    mean, std = course.history["mean"], course.history["std"]
    with np.errstate(all="ignore"):
        same = (np.abs(mean) > 0) & (std <= 1e-3 * np.abs(mean))
    # A sum of equal numbers is rounded; distinct units differ by far more.
    always = (same | (course.variable_norms == 0)).all(axis=0) & (same.sum(axis=0) >= DEAD_STEPS)
    several = course.history.sizes > 1
    names = course.history.variables
    return [
        i
        for i in map(int, np.flatnonzero(always & several))
        if _is_hidden(course, i) and names[i].rpartition("/")[2] == "bias"
    ]


def _is_hidden(course: Course, variable: int) -> bool:
    return bool(course.owners[variable] < len(course.layers) - 1)


def _explained(course: Course, layer: int) -> bool:
    """Say whether a layer that no gradient reaches lies below dead units, or holds zeros."""
    origin, zeros = course.origin, _still_zero(course)
    return bool(zeros) or (origin is not None and layer <= origin + 1)
