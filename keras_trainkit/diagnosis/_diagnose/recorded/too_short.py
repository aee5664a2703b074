"""The rule over trainings that end before they have arrived."""

import math
from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.progress import (
    epochs_of,
    last_third,
    underfitting,
    updates,
)
from keras_trainkit.diagnosis._diagnose.recorded.works import best_skill, fall, learns, log, works
from keras_trainkit.diagnosis._diagnose.static.plans import USUAL_BATCH
from keras_trainkit.diagnosis._diagnose.static.repairs import fitted_with
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# The share of the whole fall in the last third of the epochs, from which a loss falls evenly.
_EVENLY = 0.25
# The length of steps beside the first ones, of a rate that has ended.
_VANISHED = 0.01


def slow_convergence(case: Case) -> Iterator[Finding]:
    """Find trainings that end while the loss still falls, far from what could be reached."""
    loss, known = log(case, "loss"), best_skill(case)
    course = case.course
    lost = course is not None and (course.exploded is not None or course.origin is not None)
    ended = _has_ended(case)
    is_good = works(case) if ended else learns(case)
    if loss.size < 2 or lost or is_good or case.share_done < 1:
        return
    if any(finding.where for finding in underfitting(case)):
        return  # What is too narrow gets no better with time.
    third, few = last_third(loss), updates(case) < case.limits.few_updates
    still = case.limits.flat_loss / 2 if few else case.limits.still_falling
    evenly = third > max(_EVENLY * fall(loss), case.limits.flat_loss)
    falls = (third > still or evenly) and loss[-1] <= loss.min() * (1 + 1e-9)
    if not (falls or ended):
        return
    text = f"The training ended after {updates(case):,} updates while its loss was still falling."
    if ended:
        text = "The schedule's rate ended long before the training: its second half moved nothing."
    yield Finding(
        "slow_convergence",
        "info" if math.isnan(known) else "warning",
        text,
        detail="too_few_updates" if few or ended else "",
        where="learning_rate" if ended else "",
        when=epochs_of(loss),
        evidence=(
            beside(case, "updates", updates(case), "few_updates"),
            Evidence("fall of the loss in the last third", third, still),
        ),
        remedies=(
            *_steady(case),
            *remedies.epochs(case, 10 if few else 3),
            *_smaller_batches(case, few),
            *remedies.measured(case),
        ),
    )


RULES: tuple[Rule, ...] = (slow_convergence,)


def _has_ended(case: Case) -> bool:
    """Say whether a schedule made the steps of the second half vanish beside the first ones."""
    optimizer, course = case.facts.optimizer, case.course
    if course is None or optimizer is None or not optimizer.scheduled:
        return False
    ratios = course.global_ratio[np.isfinite(course.global_ratio)]
    first, later = ratios[: ratios.size // 4], ratios[ratios.size // 2 :]
    return bool(first.size and np.median(later) < _VANISHED * first.max())


def _smaller_batches(case: Case, few: bool) -> tuple[Remedy, ...]:
    size = case.facts.plan.batch_size
    if not (few and size and size > 32):
        return ()
    return (fitted_with(case.facts, "more updates in an epoch", batch_size=USUAL_BATCH),)


def _steady(case: Case) -> tuple[Remedy, ...]:
    """Return the remedy of a rate that stays in place of a schedule that has ended."""
    optimizer = case.facts.optimizer
    return remedies.scaled_rate(case, 1.0) if optimizer and optimizer.scheduled else ()
