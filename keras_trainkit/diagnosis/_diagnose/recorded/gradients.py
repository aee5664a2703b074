"""Rules over gradients by depth and time: vanishing, exploding, not finite, unequal."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from keras_trainkit.diagnosis._course import DEAD_STEPS, JUMP, Course
from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    best_skill,
    learns,
    log,
    severity,
)
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layer
from keras_trainkit.diagnosis._diagnose.static.structure import layer_named, listed
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy
from keras_trainkit.diagnosis.history import layer_of

_KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "embeddings")
_LAYERS = 3


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
        declines = np.median(lower) < 0.1 * np.median(upper)
        if share < case.limits.vanishing_depth and declines:
            weakest = kernels[seen[int(lower.argmin())]]
            yield _vanishing(case, course, int(weakest), share)
            return


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
        remedies=_reached(case, paths[0]),
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


def _still_zero(course: Course) -> list[int]:
    """Return hidden kernels that are 0 from first to last while no gradient comes."""
    zero = (course.variable_weights == 0).all(axis=0) & (course.variable_norms == 0).all(axis=0)
    return [
        i for i in map(int, np.flatnonzero(zero)) if _is_kernel(course, i) and _is_hidden(course, i)
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


def _is_kernel(course: Course, variable: int) -> bool:
    return course.history.variables[variable].rpartition("/")[2] in _KERNELS


def _is_hidden(course: Course, variable: int) -> bool:
    return bool(course.owners[variable] < len(course.layers) - 1)


def _explained(course: Course, layer: int) -> bool:
    """Say whether a layer that no gradient reaches lies below dead units, or holds zeros."""
    origin, zeros = course.origin, _still_zero(course)
    return bool(zeros) or (origin is not None and layer <= origin + 1)


def _with_kernels(course: Course) -> np.ndarray:
    owners = {int(course.owners[i]) for i in range(len(course.owners)) if _is_kernel(course, i)}
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


def _reached(case: Case, path: str) -> tuple[Remedy, ...]:
    """Return the remedies for a layer that no gradient reaches, or that is not trained."""
    layer = layer_named(path, case.facts)
    if layer is not None and not layer.trainable:
        return (changed_layer(layer, "let it learn", trainable=True),)
    text = "take out {layer}, which lets no gradient through"
    look = "print([weight.path for weight in model.trainable_weights])"
    return (*remedies.without(case, text), Remedy("connect it to the loss, or take it out", look))


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


RULES: tuple[Rule, ...] = (
    non_finite,
    exploding_gradient,
    vanishing_gradient,
    frozen_layer,
    imbalanced_updates,
    symmetric_weights,
)
