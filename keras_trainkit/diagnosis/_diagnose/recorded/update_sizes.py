"""Rules over the length of steps: a learning rate too high or too low."""

from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._course import Course
from keras_trainkit.diagnosis._diagnose import remedies, simple
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.progress import (
    epochs_of,
    last_third,
    updates,
    updates_at_end,
)
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    best_skill,
    fall,
    learns,
    learns_all,
    log,
    severity,
)
from keras_trainkit.diagnosis._diagnose.static.rates import usual_rate
from keras_trainkit.diagnosis.finding import Evidence, Finding

_FIRST_STEPS, _FEWEST_STEPS, _LONG = 20, 3, 300
# The weights have grown by this factor: they were not changed but thrown away.
_GROWN = 10.0
# One step as long as the weights themselves.
_REPLACED = 1.0
# Steps that throw units out of reach make the weights grow by so much, and most units dead.
_KILLING, _MOSTLY = 1.5, 0.75
# How many times the usual rate is so high that a loss at rest may be its doing.
_FAR_ABOVE, _EPOCHS = 30.0, 5
# What weights grow by from one sampled step to the next, if they grow by leaps.
_LEAP = 2.0


def too_high(case: Case) -> Iterator[Finding]:
    """Find steps that replace the weights, in trainings that then get nowhere."""
    course = case.course
    if course is None or len(course.global_ratio) < _FEWEST_STEPS or learns(case):
        return
    first = course.global_ratio[:_FIRST_STEPS]
    usual, longest = _median(first), _longest(first)
    grown = _growth(course.global_weight)
    long = usual > case.limits.high_update or longest > _REPLACED
    blown = (grown > _GROWN and _jumps(case, course)) or (
        course.exploded is not None and longest > case.limits.high_update
    )
    died = grown > _KILLING and _died(case, course)
    if blown or died or (long and _does_harm(case)):
        yield Finding(
            "learning_rate_too_high",
            "error" if blown else severity(case),
            f"One of the first steps changed the weights by {_size(longest)}"
            + (f", and they grew {grown:.3g}-fold." if grown > 2 else ".")
            + (" Most units of a layer died in the training." if died else ""),
            where="learning_rate",
            when=f"steps 0-{int(course.history.steps[:_FIRST_STEPS][-1])}",
            evidence=(
                beside(case, "median update ratio at first", usual, "high_update"),
                Evidence("longest update ratio at first", longest, _REPLACED),
                Evidence("growth of the weights", grown, _GROWN),
            ),
            remedies=(
                *remedies.redrawn(case),
                *remedies.scaled_rate(case, 0.1),
                *remedies.clipped(case),
            ),
        )


def too_high_to_settle(case: Case) -> Iterator[Finding]:
    """Find losses at rest where a simple function finds more, at a rate far above the usual one."""
    optimizer, loss, known = case.facts.optimizer, log(case, "loss"), best_skill(case)
    if optimizer is None or not optimizer.adaptive or optimizer.scheduled or learns_all(case):
        return
    usual = usual_rate(case, optimizer)
    rests = loss.size >= _EPOCHS and last_third(loss) <= case.limits.still_falling
    if not rests or not optimizer.learning_rate > _FAR_ABOVE * usual:
        return
    yield Finding(
        "learning_rate_too_high",
        severity(case) if not learns(case) else "warning",
        f"The learning rate {optimizer.learning_rate:g} is {optimizer.learning_rate / usual:.0f} "
        f"times as high as most begin with, and the loss has come to rest where much is left to "
        "find: steps so long leap to and fro across what they look for.",
        where="learning_rate",
        when=epochs_of(loss),
        evidence=(
            Evidence("learning rate", optimizer.learning_rate, usual, "usual for its optimizer"),
            simple.evidence_of(case, known),
        ),
        remedies=remedies.scaled_rate(case, usual / optimizer.learning_rate),
    )


def too_low(case: Case) -> Iterator[Finding]:
    """Find weights that stay where they began although gradients come."""
    course = case.course
    if course is None or len(course.global_ratio) < _FEWEST_STEPS or learns(case):
        return
    lost = course.origin is not None or course.exploded is not None
    if lost or not _median(course.global_norm) > 0:
        return
    step, steps = _median(course.global_ratio), updates(case)
    path = step * max(updates_at_end(case), _LONG)
    if path < case.limits.path and fall(log(case, "loss")) < 0.5:
        yield Finding(
            "learning_rate_too_low",
            severity(case),
            f"{steps:,} steps moved the weights by at most {_size(step * steps)}.",
            where="learning_rate",
            when=f"steps 0-{int(course.history.steps[-1])}",
            evidence=(beside(case, "sum of update ratios", step * steps, "path"),),
            remedies=remedies.scaled_rate(case, 100 if path < case.limits.path / 10 else 10),
        )


def _does_harm(case: Case) -> bool:
    """Say whether the loss rises, jumps or stands, or units have died."""
    loss, course = log(case, "loss"), case.course
    assert course is not None
    if loss.size < 2 or not np.isfinite(loss).all():
        return loss.size > 0
    rises = (np.diff(loss) > 0).mean() >= 0.3
    stands = last_third(loss) < case.limits.flat_loss
    return bool(rises or stands or course.origin is not None)


def _died(case: Case, course: Course) -> bool:
    """Say whether most units of a layer are dead now that were not before the training."""
    before = {s.layer: s.dead for s in case.facts.trial.signals} if case.facts.trial else {}
    died = [course.layers[i] for i, dead in course.dead_shares.items() if dead >= _MOSTLY]
    return any(before.get(layer, 1.0) < case.limits.dead_share for layer in died)


def _jumps(case: Case, course: Course) -> bool:
    """Say whether weights grow by leaps; in small steps they are on their way to large targets."""
    weight = course.global_weight[np.isfinite(course.global_weight)]
    leaps = weight[1:] > _LEAP * weight[:-1]
    return bool(leaps.any()) or _longest(course.global_ratio) > case.limits.high_update


def _growth(weights: np.ndarray) -> float:
    """Return how many times its first value the norm of the weights becomes, 1 if it began at 0."""
    finite = weights[np.isfinite(weights)]
    return float(finite.max() / finite[0]) if finite.size and finite[0] > 0 else 1.0


def _longest(ratios: np.ndarray) -> float:
    return float(ratios[np.isfinite(ratios)].max(initial=0.0))


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _size(share: float) -> str:
    return f"{share:.3g} times their size" if share >= 1 else f"{100 * share:.2g} % of their size"


RULES: tuple[Rule, ...] = (too_high, too_high_to_settle, too_low)
