"""Rules on penalties, dropout and decay that leave nothing to learn with."""

import math
from collections.abc import Iterator
from typing import Any

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.one_batch import has_learned
from keras_trainkit.diagnosis._diagnose.static.repairs import (
    changed_layer,
    changed_layers,
    compiled_with,
    together,
)
from keras_trainkit.diagnosis.facts import LayerFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# Strengths and rates that remedies name.
_MILD_PENALTY, _MILD_RATE, _MILD_DECAY = 1e-4, 0.3, 0.004
# The mean absolute value of a normal distribution beside its standard deviation.
_MEAN_ABSOLUTE = 0.8
# How many times stronger l1 is than l2 for weights around a tenth.
_L1 = 2


def penalties(case: Case) -> Iterator[Finding]:
    """Regularizers that outweigh the loss."""
    chance = _loss_of_chance(case)
    if math.isnan(chance) or chance <= 0:
        return
    trial = case.facts.trial
    seen = trial.penalties if trial else {}
    shares = {layer: seen.get(layer.path, _penalty(layer)) / chance for layer in case.facts.layers}
    strengths = {layer: (layer.l2 + _L1 * layer.l1) / chance for layer in case.facts.layers}
    limits = case.limits
    found = [
        layer
        for layer in case.facts.layers
        if shares[layer] > limits.penalty_share or strengths[layer] >= limits.strong_penalty
    ]
    if not found:
        return
    worst = max(found, key=lambda layer: (strengths[layer], shares[layer]))
    yield _excess(
        worst.path,
        "info" if has_learned(case) else "warning",
        f"The penalty of {worst.path}'s regularizers is so strong beside the loss of a network "
        f"that knows nothing, {chance:.2g}, that zeros are the best there is.",
        (
            beside(case, "penalty beside that loss", shares[worst], "penalty_share"),
            beside(case, "strength beside that loss", strengths[worst], "strong_penalty"),
        ),
        _milder(found),
    )


def dropout(case: Case) -> Iterator[Finding]:
    """Dropout that lets hardly anything through."""
    layers = [layer for layer in case.facts.layers if layer.rate > case.limits.high_dropout]
    if layers:
        worst = max(layers, key=lambda layer: layer.rate)
        yield _excess(
            worst.path,
            "warning",
            f"{worst.path} sets {worst.rate:.0%} of its inputs to 0 at each step.",
            (beside(case, "rate of dropout", worst.rate, "high_dropout"),),
            changed_layers(layers, "a lower rate", rate=_MILD_RATE),
        )


def decay(case: Case) -> Iterator[Finding]:
    """Weight decay that holds the weights near 0."""
    optimizer = case.facts.optimizer
    if optimizer is None or not optimizer.adaptive:
        return
    if optimizer.weight_decay > case.limits.high_decay:
        bound = 1 / optimizer.weight_decay
        yield _excess(
            "weight_decay",
            "warning",
            f"A weight decay of {optimizer.weight_decay:g} holds all weights below {bound:.2g}.",
            (beside(case, "weight decay", optimizer.weight_decay, "high_decay"),),
            compiled_with(case.facts, "a mild one", optimizer={"weight_decay": _MILD_DECAY}),
        )


RULES: tuple[Rule, ...] = (penalties, dropout, decay)


def _excess(
    where: str, severity: str, text: str, evidence: tuple[Evidence, ...], remedy: Remedy
) -> Finding:
    return Finding(
        "underfitting",
        severity,
        text,
        "excess_regularization",
        where=where,
        evidence=evidence,
        remedies=(remedy,),
    )


def _milder(layers: list[LayerFacts]) -> Remedy:
    regularizer = {
        "class_name": "L2",
        "config": {"l2": _MILD_PENALTY},
        "module": "keras.regularizers",
    }
    parts = []
    for layer in layers:
        given = [name for name in layer.arguments if name.endswith("_regularizer")]
        config: dict[str, Any] = dict.fromkeys(given or ["kernel_regularizer"], regularizer)
        parts.append(changed_layer(layer, "", **config))
    return together("a mild penalty", parts)


def _penalty(layer: LayerFacts) -> float:
    """Return the penalty on the kernel as it is drawn, for usual initializers."""
    if not layer.fan_in or not layer.units:
        return 0.0
    size = layer.fan_in * layer.units
    variance = 2 / (layer.fan_in + layer.units)
    return size * (layer.l2 * variance + layer.l1 * _MEAN_ABSOLUTE * math.sqrt(variance))


def _loss_of_chance(case: Case) -> float:
    """Return the loss of a network that knows nothing; NaN where it is not known."""
    for output, task in learned(case):
        loss = spelled(output.loss)
        if output.own_loss:
            return math.nan
        if loss in names.EXCLUSIVE_LOSSES and (output.units or 0) > 1:
            return math.log(output.units or 2)
        if loss in names.BINARY_LOSSES:
            return math.log(2)
        if task.kind == tasks.REGRESSION and output.target:
            return _distance_of_chance(loss, output.target.std)
    return math.nan


def _distance_of_chance(loss: str, std: float) -> float:
    """Return a mean distance of normally distributed targets from their mean."""
    if loss in names.SQUARED_LOSSES:
        return std**2
    if loss == "mean_absolute_error":
        return _MEAN_ABSOLUTE * std
    if loss in ("huber", "log_cosh"):  # Half the square near 0, the distance far from it.
        return min(std**2 / 2, _MEAN_ABSOLUTE * std)
    return math.nan
