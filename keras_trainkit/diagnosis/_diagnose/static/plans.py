"""Rules on updates, batches and learning rates that are too low."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis._diagnose.static.rates import lowest_usual, usual_rate, way
from keras_trainkit.diagnosis._diagnose.static.repairs import (
    changed_layer,
    changed_layers,
    compiled_with,
    fitted_with,
    measured_rate,
    together,
)
from keras_trainkit.diagnosis._diagnose.static.structure import (
    is_partly_frozen,
    parameters,
    with_kernels,
)
from keras_trainkit.diagnosis.facts import LayerFacts, OptimizerFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# Networks with more weights are most often trained before, and fine-tuned at low rates.
_LARGE = 1_000_000
# What moving statistics may keep of their initial values where a remedy chooses their momentum.
_KEPT = 0.01
# What Keras takes by itself.
USUAL_BATCH = 32
# Times the lowest usual rate that a remedy names.
_USUALLY = 30
_LOW_BY_DEFAULT = {
    "Adadelta": "Adadelta finds its own rate, and multiplies it by {:g}",
    "Adagrad": "the steps of Adagrad get shorter and shorter, and begin with {:g}",
}
# Times the shortest way that a remedy aims at.
_ENOUGH = 10


def short_way(case: Case) -> Iterator[Finding]:
    """A rate and a number of updates that cannot bring the weights far."""
    optimizer = case.facts.optimizer
    if optimizer is None or optimizer.scheduled or math.isnan(optimizer.learning_rate):
        return
    if optimizer.learning_rate == 0:
        yield _low(case, optimizer, "the rate is 0", (Evidence("learning rate", 0),))
        return
    learned = any(layer.learned for layer in case.facts.layers)
    if learned or is_partly_frozen(case.facts) or parameters(case.facts) > _LARGE:
        return
    usual = usual_rate(case, optimizer)
    moved, limit = _moved(case, optimizer)
    shortest = getattr(case.limits, limit)
    if math.isnan(moved) or moved >= shortest:
        return
    is_few = moved * usual / optimizer.learning_rate < shortest
    is_low = optimizer.learning_rate < lowest_usual(case, optimizer)
    evidence = beside(case, _NAMES[limit], moved, limit)
    if is_low or not is_few:
        told = f"{optimizer.learning_rate:g} moves the weights too little in all updates"
        yield _low(case, optimizer, told, (evidence,))
    if is_few:
        yield _few(case, optimizer, evidence)


def ended_schedule(case: Case) -> Iterator[Finding]:
    """A schedule whose rate is next to nothing for most of the training."""
    optimizer = case.facts.optimizer
    if optimizer is None or not optimizer.lasts < case.limits.schedule_lasts:
        return
    yield Finding(
        "slow_convergence",
        "warning",
        f"After {optimizer.lasts:.0%} of the planned updates the schedule's rate is less than a "
        "hundredth of its highest: the rest of the training moves nothing.",
        "too_few_updates",
        where="learning_rate",
        evidence=(
            beside(case, "share of the plan with a rate", optimizer.lasts, "schedule_lasts"),
        ),
        remedies=(
            compiled_with(case.facts, "a rate that stays", learning_rate=optimizer.learning_rate),
        ),
    )


def low_by_default(case: Case) -> Iterator[Finding]:
    """Keras's default rates of Adadelta and Adagrad are far below those of their papers."""
    optimizer = case.facts.optimizer
    if optimizer is None or optimizer.kind not in _LOW_BY_DEFAULT or optimizer.scheduled:
        return
    if 0 < optimizer.learning_rate < lowest_usual(case, optimizer):
        told = _LOW_BY_DEFAULT[optimizer.kind].format(optimizer.learning_rate)
        yield _low(case, optimizer, told, (Evidence("learning rate", optimizer.learning_rate),))


def small_normalized_batch(case: Case) -> Iterator[Finding]:
    """Batch normalization of vectors over so few rows that their mean says nothing."""
    size = case.facts.plan.batch_size
    layers = [layer for layer in _moving(case) if len(layer.shape) == 1]
    if not layers or size is None or size > case.limits.normalized_batch:
        return
    alone = " With one row all of them are 0." if size == 1 else ""
    yield Finding(
        "too_small_batch",
        "error" if size == 1 else "warning",
        f"Batch normalization subtracts the mean of the batch, here of {size} "
        f"row{'s' if size > 1 else ''}: most of what tells rows apart goes with it.{alone}",
        where="batch_size",
        evidence=(beside(case, "rows in a batch", size, "normalized_batch"),),
        remedies=(
            _larger_batches(case, size),
            _by_row(layers),
        ),
    )


def stale_statistics(case: Case) -> Iterator[Finding]:
    """Moving statistics that are still near their initial values when the training ends."""
    updates = case.facts.plan.updates
    layers = [layer for layer in _moving(case) if 0 < layer.momentum < 1]
    if not layers or not updates:
        return
    slowest = max(layer.momentum for layer in layers)
    kept = slowest**updates
    if kept <= case.limits.stale_statistics:
        return
    momentum = math.floor(100 * _KEPT ** (1 / updates)) / 100
    yield Finding(
        "batch_norm_gap",
        "warning",
        f"Batch normalization's moving averages with momentum {slowest:g} keep {kept:.0%} of "
        f"their initial values over {updates} updates: predictions are made with those.",
        "moving_statistics_behind",
        where=layers[0].path,
        evidence=(beside(case, "share of the initial values", kept, "stale_statistics"),),
        remedies=(
            changed_layers(layers, "averages that follow faster", momentum=momentum),
            Remedy(
                "or set them from the data after the training",
                "from keras_trainkit.layers import recalibrate\nrecalibrate(model, x)",
            ),
        ),
    )


RULES: tuple[Rule, ...] = (
    short_way,
    ended_schedule,
    low_by_default,
    small_normalized_batch,
    stale_statistics,
)
_NAMES = {
    "short_way": "way of a weight beside its first size",
    "short_descent": "learning rate times updates",
}


def _larger_batches(case: Case, size: int) -> Remedy:
    """Return the remedy of larger batches in as many updates."""
    more: dict[str, int] = {}
    if case.facts.plan.epochs:
        more["epochs"] = math.ceil(case.facts.plan.epochs * USUAL_BATCH / size)
    return fitted_with(case.facts, "larger batches", batch_size=USUAL_BATCH, **more)


def _by_row(layers: list[LayerFacts]) -> Remedy:
    """Return the remedy of another normalization."""
    parts = [changed_layer(layer, "", "LayerNormalization") for layer in layers]
    return together("or normalize each row by itself", parts)


def _moving(case: Case) -> list[LayerFacts]:
    layers = case.facts.layers
    return [layer for layer in layers if layer.kind in names.MOVING and layer.trainable]


def _moved(case: Case, optimizer: OptimizerFacts) -> tuple[float, str]:
    """Return how far weights move, and the name of the limit."""
    if optimizer.kind == "Adadelta":
        return math.nan, "short_way"
    if not optimizer.adaptive:
        return way(case), "short_descent"
    widths = [layer.fan_in for layer in with_kernels(case.facts)]
    return way(case) * math.sqrt(max(widths, default=0) or math.nan), "short_way"


def _low(
    case: Case, optimizer: OptimizerFacts, told: str, evidence: tuple[Evidence, ...]
) -> Finding:
    usual = float(f"{_USUALLY * lowest_usual(case, optimizer):.1g}")
    return Finding(
        "learning_rate_too_low",
        "warning",
        f"The learning rate is too low: {told}.",
        where="learning_rate",
        evidence=evidence,
        remedies=(
            measured_rate(case.facts, usual),
            compiled_with(case.facts, "a usual rate", learning_rate=usual),
        ),
    )


def _few(case: Case, optimizer: OptimizerFacts, evidence: Evidence) -> Finding:
    plan = case.facts.plan
    limit = evidence.limit or 0.0
    missing = math.ceil(_ENOUGH * limit / evidence.value)
    usual = max(usual_rate(case, optimizer), optimizer.learning_rate)
    updates = plan.updates or 0
    epochs = (plan.epochs or 1) * missing
    remedies = [fitted_with(case.facts, "train longer", epochs=epochs)]
    if plan.batch_size and plan.rows and plan.batch_size > USUAL_BATCH:
        arguments = {"batch_size": USUAL_BATCH, "epochs": epochs}
        remedies.append(fitted_with(case.facts, "or in smaller batches too", **arguments))
    return Finding(
        "slow_convergence",
        "warning",
        f"{updates} update{'s' if updates != 1 else ''} at a rate of "
        f"{min(usual, optimizer.learning_rate):g} cannot move the weights far from where they "
        "were drawn.",
        "too_few_updates",
        where="epochs",
        evidence=(evidence, Evidence("planned updates", updates)),
        remedies=tuple(remedies),
    )
