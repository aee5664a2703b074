"""Rules over gradients by depth and time: vanishing, exploding, not finite, unequal."""

import math
from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._course import JUMP, Course
from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    learns,
    log,
    severity,
)
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

_KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "embeddings")
_LAYERS = 3
# The lower half of the layers has so much of the gradient of the upper half, at most.
_DECLINE = 0.3


def non_finite(case: Case) -> Iterator[Finding]:
    """Find numbers that are NaN or infinite: in the events of the monitor, or in the logs."""
    events = case.history.events if case.history else ()
    broken = [event for event in events if event.cause != "overflow"]
    loss = log(case, "loss")
    if broken:
        first = broken[0]
        yield Finding(
            "non_finite",
            "error",
            str(first),
            where=first.layer or ("x" if first.cause == "data" else ""),
            when=f"step {first.step}",
            evidence=(Evidence("events", float(len(broken))),),
            remedies=_of_cause(case, first.cause),
        )
    elif loss.size and not np.isfinite(loss).all():
        epoch = int(np.flatnonzero(~np.isfinite(loss))[0]) + 1
        yield Finding(
            "non_finite",
            "error",
            f"The loss is not finite since epoch {epoch}.",
            where="loss",
            when=f"epoch {epoch}",
            remedies=(*_of_cause(case, "weights"), remedies.watched(case)),
        )
    elif events:
        yield Finding(
            "non_finite",
            "info",
            f"Loss scaling skipped {len(events)} steps, which is harmless.",
            when=f"step {events[0].step}",
            evidence=(Evidence("events", float(len(events))),),
        )


def exploding_gradient(case: Case) -> Iterator[Finding]:
    """Find gradients that grow a thousandfold, or have spikes of that size."""
    course = case.course
    if course is None:
        return
    norm, at = course.global_norm, course.exploded
    finite = norm[np.isfinite(norm)]
    if at is None or not finite.size:
        return
    layer = course.layers[course.burst] if course.burst is not None else ""
    first = finite[finite > 0][0]
    step = int(course.history.steps[at])
    yield Finding(
        "exploding_gradient",
        severity(case),
        f"The gradient exploded at step {step}, beginning at {layer}: from {first:.3g} "
        f"to {finite.max():.3g}." + _ending(course),
        where=layer,
        when=f"step {step}",
        evidence=(Evidence("growth of the gradient", float(finite.max() / first), JUMP),),
        remedies=(
            *remedies.redrawn(case),
            *remedies.scaled_rate(case, 0.1),
            *remedies.clipped(case),
            *remedies.scaled_inputs(case),
        ),
    )


def vanishing_gradient(case: Case) -> Iterator[Finding]:
    """Find gradients that shrink from layer to layer towards the input, for the layers' weights."""
    course = case.course
    if course is None:
        return
    kernels = _with_kernels(course)
    for window in _windows(course):
        strength = _strengths(course, kernels, window)
        seen = np.flatnonzero(strength > 0)
        if len(seen) < _LAYERS:
            continue
        half = len(seen) // 2
        lower, upper = strength[seen[:half]], strength[seen[half:]]
        share = float(lower.min() / upper.max())
        declines = np.median(lower) < _DECLINE * np.median(upper)
        if share < case.limits.vanishing_depth and declines:
            weakest = kernels[seen[int(lower.argmin())]]
            yield _vanishing(case, course, int(weakest), share)
            return


def is_kernel(course: Course, variable: int) -> bool:
    """Say whether a variable is a layer's kernel."""
    return course.history.variables[variable].rpartition("/")[2] in _KERNELS


def _vanishing(case: Case, course: Course, layer: int, share: float) -> Finding:
    name = course.layers[layer]
    return Finding(
        "vanishing_gradient",
        severity(case),
        f"The gradient fades on its way back to {name}: for the size of the weights it is "
        f"{share:.1e} of that near the output.",
        where=name,
        evidence=(beside(case, "share of the gradient", share, "vanishing_depth"),),
        remedies=remedies.bent(case),
    )


def imbalanced_updates(case: Case) -> Iterator[Finding]:
    """Find layers whose steps are far shorter or longer for their weights than the others'."""
    course = case.course
    if course is None:
        return
    kernels = _with_kernels(course)
    with np.errstate(all="ignore"):
        ratios = np.array([_median(course.ratios[:, i]) for i in kernels])
    usual = _median(ratios[ratios > 0])
    for i, own in zip(kernels, ratios, strict=True):
        share = own / usual if usual > 0 else math.nan
        if own > 0 and not case.limits.imbalance <= share <= 1 / case.limits.imbalance:
            yield Finding(
                "imbalanced_updates",
                "info" if learns(case) else "warning",
                f"The steps of {course.layers[i]} are {share:.1e} times the usual, by weight.",
                where=course.layers[i],
                evidence=(beside(case, "update ratio / the median", share, "imbalance"),),
                remedies=(
                    *remedies.equal_steps(case),
                    remedies.NORMALIZE,
                ),
            )
            return


def _with_kernels(course: Course) -> np.ndarray:
    owners = {int(course.owners[i]) for i in range(len(course.owners)) if is_kernel(course, i)}
    return np.array(sorted(owners), int)


def _windows(course: Course) -> Iterator[slice]:
    """Yield the first third of the steps, up to an explosion, and the last third."""
    steps = len(course.history.steps)
    third = max(steps // 3, 1)
    yield slice(0, min(third, course.exploded if course.exploded else third))
    yield slice(steps - third, steps)


def _strengths(course: Course, kernels: np.ndarray, window: slice) -> np.ndarray:
    """Return the median gradient norm of each layer for the norm of its weights."""
    norms, weights = course.norms[window][:, kernels], course.weights[window][:, kernels]
    with np.errstate(all="ignore"):
        share = norms / weights
    return np.array([_median(column) for column in share.T])


def _ending(course: Course) -> str:
    """Return since when the network is dead, as a sentence."""
    since = course.silent_since[course.silent]
    if not since.size:
        return ""
    step = int(course.history.steps[min(int(since.min()), len(course.history.steps) - 1)])
    return f" Since step {step} hardly any gradient comes: units are dead."


def _of_cause(case: Case, cause: str) -> tuple[Remedy, ...]:
    if cause == "data":
        return (Remedy("fill the missing values", "x = np.nan_to_num(x, posinf=0, neginf=0)"),)
    text = "take out {layer}, or keep its inputs where its slope is finite"
    return (
        *remedies.known_loss(case),
        *remedies.without(case, text),
        *remedies.scaled_rate(case, 0.1),
        *remedies.clipped(case),
    )


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


RULES: tuple[Rule, ...] = (
    non_finite,
    exploding_gradient,
    vanishing_gradient,
    imbalanced_updates,
)
