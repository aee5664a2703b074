"""What a few rows that copies of the network learned by heart, or did not, say of a training."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose import remedies, simple
from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import scales
from keras_trainkit.diagnosis._diagnose.static.rates import usual_rate
from keras_trainkit.diagnosis._diagnose.static.repairs import compiled_with, measured_rate
from keras_trainkit.diagnosis._diagnose.static.signals import BOUNDED
from keras_trainkit.diagnosis._diagnose.static.structure import hidden, listed
from keras_trainkit.diagnosis.facts import OneBatchFacts
from keras_trainkit.diagnosis.finding import BEFORE_TRAINING, Evidence, Finding, Remedy

# With what a network cannot learn a batch; where it has learned one, they do no harm.
_REFUTED = (
    *("missing_output_activation", "bounded_output_for_unbounded_target", "constant_predictions"),
    *("unnormalized_input", "unnormalized_target", "dead_units"),
    *("vanishing_gradient", "exploding_gradient"),
    *("learning_rate_too_high", "learning_rate_too_low"),
)
# A loss that falls by less stands still; by more, at another rate, it moves.
_STILL, _MOVES = 0.05, 0.2
# Times the updates that a few rows take, a training is given.
_ENOUGH = 10
_LOOK = Remedy(
    "look whether what the network gets tells the rows apart, and whether each `y` belongs to its "
    "`x`",
    "print(x[:4], y[:4])\nprint(model(x[:4], training=True))",
)
_GUARD = Remedy(
    "find the operation that is undefined, such as a logarithm, a root or a division of 0",
    "from keras_trainkit.callbacks import GradientMonitor\n"
    "monitor = GradientMonitor()\n"
    "model.fit(x, y, callbacks=[monitor])\n"
    "print(monitor.summary())",
)


def refuted(case: Case, finding: Finding) -> bool:
    """Say whether a suspicion is wrong: a network with it has learned rows by heart.

    What surely cannot work is left alone, and so is a rate at which the loss leaps on the way.
    Units that begin saturated tell rows apart like a random code: enough to learn some by heart.
    """
    tries = case.facts.one_batch
    is_suspicion = finding.name in _REFUTED or finding.condition in _REFUTED
    if not tries or finding.severity != "warning" or not is_suspicion:
        return False
    if finding.name == "learning_rate_too_low" and not _is_as_long(case, tries[0]):
        return False
    return has_learned(case)


def has_learned(case: Case) -> bool:
    """Say whether a network has learned rows by heart as it is, and calmly."""
    tries = case.facts.one_batch
    return bool(tries) and tries[0].is_calm and tries[0].has_skill(case.limits.working_skill)


def another_rate(case: Case) -> Iterator[Finding]:
    """Find rates at which rows are not learned by heart, and are at a lower or a higher one."""
    tries = case.facts.one_batch
    if not tries or _is_learned(case, tries[0]):
        return
    given = tries[0]
    fair = (one for one in tries[1:] if one.updates == given.updates)
    better = next((one for one in fair if _is_learned(case, one)), None)
    if better is None or (better.rate > given.rate and not _is_low(case, given, better)):
        return
    yield Finding(
        "learning_rate_too_high" if better.rate < given.rate else "learning_rate_too_low",
        "warning",
        f"With the learning rate {given.rate:g} a copy of the network does not learn {given.rows} "
        f"rows by heart: in {given.updates} updates the loss goes from {given.first:.3g} to "
        f"{given.last:.3g}. With {better.rate:g} it goes to {better.last:.3g}.",
        where="learning_rate",
        evidence=(beside(case, "skill on a few rows", given.skill, "learning_skill"),),
        remedies=(
            compiled_with(case.facts, "the rate that learns them", learning_rate=better.rate),
            measured_rate(case.facts, better.rate),
        ),
    )


def far_targets(case: Case) -> Iterator[Finding]:
    """Find large targets towards which a usual rate makes a small part of the way that is planned.

    Of adaptive optimizers a step is as long whatever the target is, so the way grows with it.
    """
    tries, optimizer, planned = case.facts.one_batch, case.facts.optimizer, case.facts.plan.updates
    is_learned = any(_is_learned(case, one) for one in tries[1:])
    if not is_learned or optimizer is None or not optimizer.adaptive or not planned:
        return
    given = tries[0]
    share = given.fall * planned / given.updates
    if _is_learned(case, given) or not 0 < share < case.limits.short_way:
        return
    for output in case.facts.outputs:
        target = output.target
        if target is not None and scales.target_scale(target) > case.limits.raw_scale:
            yield scales.unnormalized_target(
                case,
                target,
                "warning",
                f"Targets are around {scales.target_scale(target):.3g}. In {given.updates} updates "
                f"with a few rows alone the loss falls by {given.fall:.1%}; at this pace the "
                f"{planned} that are planned are a small part of the way.",
                beside(case, "part of the way that is planned", share, "short_way"),
            )


def too_few_updates(case: Case) -> Iterator[Finding]:
    """Find plans with fewer updates than a few rows alone take, which is easier than all rows."""
    tries, planned = case.facts.one_batch, case.facts.plan.updates
    needed = tries[0].halved if tries else None
    if needed is None or not planned or planned >= needed:
        return
    yield Finding(
        "slow_convergence",
        "warning",
        f"A copy of the network takes {needed} updates until the loss of {tries[0].rows} rows is "
        f"half of what it was, with these rows alone; {planned} are planned for all rows.",
        "too_few_updates",
        where="epochs",
        evidence=(Evidence("planned updates", planned, needed, "measured on a few rows"),),
        remedies=remedies.epochs(case, math.ceil(_ENOUGH * needed / planned)),
    )


def never_finite(case: Case) -> Iterator[Finding]:
    """Find networks that cannot take a few steps, however short."""
    tries = case.facts.one_batch
    if tries and not any(math.isfinite(one.last) for one in tries):
        yield Finding(
            "non_finite",
            "error",
            f"The loss of {tries[0].rows} rows is not finite after at most {tries[0].updates} "
            f"updates, {_rates(tries)}.",
            evidence=(Evidence("loss before the first update", tries[0].first),),
            remedies=(_GUARD,),
        )


def not_by_heart(case: Case) -> Iterator[Finding]:
    """Find networks that learn less of a few rows than a simple function knows of new ones.

    Whatever the rate is, and with patience; or next to nothing, if such a function knows nothing.
    It says nothing if only low rates were tried.
    """
    tries = case.facts.one_batch
    is_patient = len(tries) > 1 and tries[-1].updates > tries[0].updates
    if not is_patient or not _is_usual(case, max(one.rate for one in tries)):
        return
    best = max(one.skill for one in tries)
    is_little, is_beaten = best < case.limits.poor_skill, simple.is_beaten(case, best)
    if _is_on_the_way(tries[-1]) or not (is_little or is_beaten):
        return
    is_nothing, name = best < case.limits.no_skill, "skill on a few rows"
    limit = "no_skill" if is_nothing else "poor_skill"
    evidence = [beside(case, name, best, limit) if is_little else Evidence(name, best)]
    text = (
        f"A copy of the network learns {'nothing' if is_nothing else 'little'} of {tries[0].rows} "
        f"rows in {tries[-1].updates} updates with these rows alone, {_rates(tries[:-1])}. It will "
        "not do better with more of them."
    )
    if is_beaten:
        text += simple.SENTENCE
        evidence.append(simple.evidence_of(case, best))
    yield Finding(
        "no_learning" if is_nothing else "underfitting",
        "error" if is_nothing else "warning",
        text,
        evidence=tuple(evidence),
        remedies=(*_of_structure(case), _LOOK),
    )


def unreached(case: Case) -> Iterator[Finding]:
    """Find layers that no gradient reaches, unless zeros or units that are off explain it."""
    tries, trial = case.facts.one_batch, case.facts.trial
    paths = tries[0].unreached if tries else ()
    is_off = trial is not None and any(signal.dead >= 1 for signal in trial.signals)
    if not paths or is_off or any(layer.constant_kernel for layer in case.facts.layers):
        return
    yield Finding(
        "frozen_layer",
        "info" if has_learned(case) else "warning",
        f"No gradient reaches {listed(paths)}: in {tries[0].updates} updates with a few rows the "
        "bias stays 0, which any gradient would move.",
        where=paths[0],
        when=BEFORE_TRAINING,
        evidence=(Evidence("layers", len(paths), 0),),
        remedies=remedies.reached(case, paths[0]),
    )


RULES: tuple[Rule, ...] = (
    another_rate,
    far_targets,
    too_few_updates,
    never_finite,
    not_by_heart,
    unreached,
)


def _of_structure(case: Case) -> tuple[Remedy, ...]:
    """Return the remedies of what in a network most often keeps it from learning a few rows."""
    if any(layer.activation in BOUNDED for layer in hidden(case.facts)):
        return remedies.bent(case)
    return remedies.wider(case) if remedies.is_narrow(case) else ()


def _is_on_the_way(one: OneBatchFacts) -> bool:
    """Say whether a loss still falls towards that of a constant: the targets are far away."""
    return one.skill < 0 and _MOVES < one.fall <= 1


def _is_learned(case: Case, one: OneBatchFacts) -> bool:
    return one.has_skill(case.limits.learning_skill)


def _is_low(case: Case, given: OneBatchFacts, better: OneBatchFacts) -> bool:
    """Say whether a rate moves nothing, and will not on all of the way that is planned.

    Of adaptive optimizers it is known which rates are low.
    """
    optimizer, planned = case.facts.optimizer, case.facts.plan.updates or 0
    if optimizer is not None and optimizer.adaptive and _is_usual(case, given.rate):
        return False
    is_shorter = planned * given.rate < given.updates * better.rate
    is_moved = given.fall < _STILL and better.fall > _MOVES
    return _is_as_long(case, given) and is_shorter and is_moved


def _is_usual(case: Case, rate: float) -> bool:
    optimizer = case.facts.optimizer
    return optimizer is not None and rate >= usual_rate(case, optimizer)


def _is_as_long(case: Case, one: OneBatchFacts) -> bool:
    """Say whether the training has as many updates as the rows had."""
    return (case.facts.plan.updates or 0) >= one.updates


def _rates(tries: tuple[OneBatchFacts, ...]) -> str:
    return f"with the learning rate {', '.join(f'{one.rate:g}' for one in tries)}"
