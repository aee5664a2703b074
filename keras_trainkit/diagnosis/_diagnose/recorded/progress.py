"""Rules over losses and metrics: does it learn, how fast, how steadily."""

import math
from collections.abc import Iterator

import numpy as np

from keras_trainkit.diagnosis._diagnose import remedies, simple
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.recorded.works import (
    best_skill,
    fall,
    learns,
    log,
    validation_skill,
)
from keras_trainkit.diagnosis._diagnose.static.names import SQUARED_LOSSES
from keras_trainkit.diagnosis._diagnose.static.repairs import (
    compiled_with,
    fitting_head,
    place_of,
)
from keras_trainkit.diagnosis._diagnose.static.structure import hidden
from keras_trainkit.diagnosis._diagnose.static.tasks import is_reconstruction, task_of
from keras_trainkit.diagnosis.facts import LayerFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# Fewer updates, or epochs, say nothing yet.
_SOME_UPDATES, _SOME_EPOCHS = 20, 3
# A layer of so few units is a bottleneck.
_NARROW = 2
_LOOK = Remedy("look whether the rows and the targets belong together", "print(x[:5], y[:5])")


def no_learning(case: Case) -> Iterator[Finding]:
    """Find trainings that are no better at the end than a constant, or whose loss stands still."""
    loss, known, vain = log(case, "loss"), best_skill(case), _is_in_vain(case)
    if loss.size < _SOME_EPOCHS or updates(case) < _SOME_UPDATES:
        return
    stands = bool(np.ptp(loss) <= 1e-4 * abs(loss[0]))
    late = last_third(loss) < case.limits.flat_loss or updates(case) >= case.limits.few_updates
    learned = known >= case.limits.no_skill and not vain
    if learned or (math.isnan(known) and not stands) or not late:
        return
    if narrowest(case) is not None and not stands:
        return  # `underfitting` says more.
    evidence = [Evidence("fall of the loss", fall(loss))]
    text = "The loss stays where it was: nothing is learned."
    if not math.isnan(known):
        evidence.append(beside(case, "skill", known, "no_skill"))
        done = "all" if case.share_done >= 1 else loss.size
        data = " on validation data" if vain else ""
        text = f"After {done} epochs the network is no better than a constant answer{data}."
    yield Finding(
        "no_learning",
        "warning" if vain else "error",
        text,
        when=epochs_of(loss),
        evidence=tuple(evidence),
        remedies=_of_nothing_learned(case),
    )


def underfitting(case: Case) -> Iterator[Finding]:
    """Find trainings that have come to rest at little skill on their own data."""
    loss, known, narrow = log(case, "loss"), best_skill(case), narrowest(case)
    rests = loss.size >= 5 and last_third(loss) <= case.limits.still_falling
    little = case.limits.no_skill <= known < case.limits.poor_skill
    if narrow is not None:
        little = known < case.limits.learning_skill
    beaten = known < case.limits.working_skill and simple.is_beaten(case, known)
    if not (rests and (little or beaten) and updates(case) >= case.limits.few_updates):
        return
    text = "The loss has come to rest while the network fits even its training data poorly."
    evidence = [beside(case, "skill", known, "poor_skill")]
    if narrow is not None:
        units = narrow.units or 0
        text += f" All that it knows goes through {units} unit{'s' if units > 1 else ''}."
        evidence.append(Evidence("units of the narrowest layer", units))
    if beaten:
        text += simple.SENTENCE
        evidence.append(simple.evidence_of(case, known))
    yield Finding(
        "underfitting",
        # As little is reached where the inputs tell no more of the targets.
        "warning" if beaten or narrow is not None else "info",
        text,
        where=narrow.path if narrow is not None else "",
        when=epochs_of(loss),
        evidence=tuple(evidence),
        remedies=(*remedies.wider(case), *remedies.measured(case)),
    )


def _is_in_vain(case: Case) -> bool:
    """Say whether the little that is learned does not hold on validation data."""
    little = case.limits.no_skill <= best_skill(case) < case.limits.poor_skill
    beyond = validation_skill(case) < case.limits.no_skill
    return little and beyond and fall(log(case, "val_loss")) < case.limits.flat_loss


def narrowest(case: Case) -> LayerFacts | None:
    """Return a hidden layer so narrow that little passes it, unless the task is to pass little."""
    facts = case.facts
    if any(is_reconstruction(output, facts) for output in facts.outputs):
        return None
    layers = [layer for layer in hidden(facts) if 0 < (layer.units or 0) <= _NARROW]
    return min(layers, key=lambda layer: layer.units or 0, default=None)


def oscillating_loss(case: Case) -> Iterator[Finding]:
    """Find losses that go up about as often as down, by a large part of themselves."""
    loss = log(case, "loss")
    loss = loss[np.isfinite(loss)]
    if loss.size < 6 or learns(case):
        return
    moves = np.diff(loss) / max(np.median(np.abs(loss)), 1e-12)
    swing, up = float(np.median(np.abs(moves))), float((moves > 0).mean())
    if swing >= case.limits.swing and 0.3 <= up <= 0.7:
        yield Finding(
            "oscillating_loss",
            "warning",
            "The loss jumps up and down from epoch to epoch and does not settle.",
            when=epochs_of(loss),
            evidence=(beside(case, "median jump", swing, "swing"),),
            remedies=remedies.scaled_rate(case, 0.1),
        )


def constant_predictions(case: Case) -> Iterator[Finding]:
    """Find networks that put out the same for every row."""
    outcomes = case.history.outcomes if case.history else None
    if outcomes is None or not len(outcomes.epochs) or updates(case) < _SOME_UPDATES:
        return
    for i, name in enumerate(outcomes.names):
        spread, target = outcomes["spread"][-1, i], outcomes["target_spread"][-1, i]
        low, high = outcomes["low"][-1, i], outcomes["high"][-1, i]
        scale = 1.0 if math.isnan(target) and low >= 0 and high <= 1 else target
        if scale > 0 and spread <= case.limits.constant_spread * scale and not learns(case):
            yield Finding(
                "constant_predictions",
                "error",
                f"The network answers every row alike: {low:.3g} to {high:.3g}.",
                where=name,
                when=f"epoch {outcomes.epochs[-1] + 1}",
                evidence=(
                    beside(case, "spread / that of targets", spread / scale, "constant_spread"),
                ),
                remedies=_of_nothing_learned(case),
            )


def wrong_loss(case: Case) -> Iterator[Finding]:
    """Find losses of exactly 0 that prove nothing, and cross-entropies below 0."""
    loss = log(case, "loss")
    if not loss.size or not np.isfinite(loss).all():
        return
    names = [output.loss for output in case.facts.outputs]
    if (np.abs(loss) <= 1e-7).all() or (loss[-1] == 0 and not learns(case)):
        yield Finding(
            "wrong_loss",
            "error",
            "The loss is 0 whatever the network answers, so nothing is learned.",
            detail="loss_always_zero",
            where="loss",
            when=epochs_of(loss),
            evidence=(Evidence("loss", float(loss[-1])),),
            remedies=_of_no_loss(case),
        )
    elif loss[-1] < 0 and any("crossentropy" in name for name in names):
        yield Finding(
            "wrong_loss",
            "error",
            "A cross-entropy below 0: the targets are no classes or probabilities in [0, 1].",
            detail="regression_with_classification_loss",
            where="loss",
            when=epochs_of(loss),
            evidence=(
                Evidence("loss", float(loss[-1]), 0.0, "cross-entropy of probabilities is >= 0"),
            ),
            remedies=(
                *_of_numbers(case),
                Remedy("classes counted from 0 for targets that are classes", "y = y - y.min()"),
            ),
        )


def updates(case: Case) -> int:
    """Return the number of updates so far, as far as the record reaches."""
    steps = case.history.steps if case.history else np.empty(0)
    sampled = int(steps[-1] - steps[0] + 1) if len(steps) else 0
    done, per_epoch = log(case, "epoch").size, case.facts.plan.steps
    return max(sampled, done * per_epoch) if per_epoch else sampled


def updates_at_end(case: Case) -> float:
    """Return how many updates there will have been when a running training ends."""
    return updates(case) if case.is_over else updates(case) / max(case.share_done, 1e-9)


def last_third(loss: np.ndarray) -> float:
    """Return by which share of itself a loss falls in the last third of the epochs."""
    return fall(loss[-max(loss.size // 3, 1) - 1 :])


def _of_nothing_learned(case: Case) -> tuple[Remedy, ...]:
    text = "take out {layer}, if what it does is not what you meant"
    return (
        *remedies.without(case, text),
        *remedies.gated(case),
        *remedies.redrawn(case),
        *(remedies.wider(case) if remedies.is_narrow(case) else ()),
        *remedies.measured(case),
        *remedies.scaled_inputs(case),
        _LOOK,
    )


def _of_no_loss(case: Case) -> tuple[Remedy, ...]:
    facts = case.facts
    if "loss_weights" in facts.compiled:
        return (compiled_with(facts, "a loss that counts", loss_weights=None),)
    tasks = [(output, task_of(output, facts, case.limits)) for output in facts.outputs]
    fitting = (remedy for output, task in tasks for remedy in fitting_head(output, task, facts))
    return (*fitting, _LOOK)


def _of_numbers(case: Case) -> Iterator[Remedy]:
    for output in case.facts.outputs:
        if "crossentropy" in output.loss:
            text, place = "a loss of regression for numbers", place_of(output, case.facts)
            yield compiled_with(case.facts, text, loss=SQUARED_LOSSES[0], **place)


def epochs_of(loss: np.ndarray) -> str:
    """Return the epochs of a loss as findings have them."""
    return f"epochs 1-{loss.size}" if loss.size > 1 else "epoch 1"


RULES: tuple[Rule, ...] = (
    wrong_loss,
    no_learning,
    underfitting,
    oscillating_loss,
    constant_predictions,
)
