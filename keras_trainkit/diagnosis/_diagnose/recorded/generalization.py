"""Rules over validation and inference beside training: overfitting, statistics that lag behind."""

import math
from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._diagnose import remedies
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.progress import updates
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    inferred_skill,
    is_told_by_entropy,
    log,
    skill,
    validation_skill,
)
from keras_trainkit.diagnosis._diagnose.static.plans import USUAL_BATCH
from keras_trainkit.diagnosis._diagnose.static.repairs import changed_layers, fitted_with
from keras_trainkit.diagnosis.finding import Finding, Remedy

_SMALL_BATCH = 8
# The momentum of moving statistics that a remedy names.
_SOON = 0.9


def overfitting(case: Case) -> Iterator[Finding]:
    """Find trainings that go on getting better on their own data and worse on other data."""
    loss, other = log(case, "loss"), log(case, "val_loss")
    training, validation = skill(case), validation_skill(case)
    if loss.size < 3 or loss.size != other.size or not np.isfinite(loss).all():
        return
    best = int(np.nanargmin(other)) if np.isfinite(other).any() else 0
    rise = float(other[-1] / other[best]) if other[best] > 0 else 1.0
    went_on = loss[best] > 0 and loss[-1] < 0.9 * loss[best]
    gap = training - validation
    wide = gap >= case.limits.skill_gap and training >= 2 * case.limits.skill_gap
    wide = wide and other[-1] >= case.limits.overfitted * loss[-1]
    # Validation that is nearly as good as it was, and not bad, is left by noise in the targets.
    harmed = rise >= case.limits.overfitted or validation < case.limits.poor_skill
    wide = wide and (harmed or gap >= 2 * case.limits.skill_gap)
    rises = rise >= case.limits.overfitted and went_on
    if not wide and not rises:
        return
    # Weights scale the loss on training data alone.
    unknown = math.isnan(gap) and rise >= case.limits.overfitted**2
    unknown = unknown and not (case.facts.plan.weighted or is_told_by_entropy(case))
    evidence = [beside(case, "validation loss / its lowest", rise, "overfitted")]
    if not math.isnan(gap):
        evidence.append(beside(case, "skill on training data above validation", gap, "skill_gap"))
    yield Finding(
        "overfitting",
        "warning" if wide or unknown else "info",
        "The network learns its training data by heart: on validation data it was best in "
        f"epoch {best + 1} of {loss.size}.",
        where="validation_data",
        when=f"epochs {best + 1}-{loss.size}",
        evidence=tuple(evidence),
        remedies=(
            remedies.stopped(case),
            Remedy("regularize, behind the largest hidden layers", "keras.layers.Dropout(0.5)"),
        ),
    )


def batch_norm_gap(case: Case) -> Iterator[Finding]:
    """Find networks whose statistics make them good in training mode and bad in inference mode."""
    momenta = [each.momentum for each in case.facts.layers if each.kind == "BatchNormalization"]
    training, inferred = skill(case), inferred_skill(case)
    other = validation_skill(case)
    if not momenta or not training >= case.limits.poor_skill:
        return
    left = max(momentum ** updates(case) for momentum in momenta)
    behind = left > case.limits.behind
    seen = other if math.isnan(inferred) and behind else inferred
    if not training - seen >= case.limits.skill_gap:
        return
    yield Finding(
        "batch_norm_gap",
        "warning",
        "The network is good with the statistics of each batch and bad with those that inference "
        "uses" + (": these still hold their first values." if behind else "."),
        detail="moving_statistics_behind" if behind else "",
        evidence=(
            beside(case, "skill in training above inference", training - seen, "skill_gap"),
            beside(case, "share of the first moving statistics", left, "behind"),
        ),
        remedies=(*_faster(case), *remedies.epochs(case, 5)),
    )
    if 0 < (case.facts.plan.batch_size or 0) < _SMALL_BATCH:
        yield Finding(
            "too_small_batch",
            "warning",
            "Batches are too small for statistics that batch normalization can use.",
            where="batch_size",
            remedies=(fitted_with(case.facts, "larger batches", batch_size=USUAL_BATCH),),
        )


def _faster(case: Case) -> tuple[Remedy, ...]:
    slow = [layer for layer in case.facts.layers if layer.momentum > _SOON]
    text = "moving statistics that follow sooner"
    return (changed_layers(slow, text, momentum=_SOON),) if slow else ()


RULES: tuple[Rule, ...] = (overfitting, batch_norm_gap)
