"""Rules on learning rates that are too high."""

import math
from collections.abc import Iterator

from keras_trainkit.diagnosis._diagnose.case import Case, Rule
from keras_trainkit.diagnosis._diagnose.evidence import beside
from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.heads import learned
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.rates import (
    OTHER_STEPS,
    effective_rate,
    usual_rate,
)
from keras_trainkit.diagnosis._diagnose.static.repairs import compiled_with, measured_rate
from keras_trainkit.diagnosis._diagnose.static.structure import hidden, with_kernels
from keras_trainkit.diagnosis.facts import OptimizerFacts
from keras_trainkit.diagnosis.finding import Evidence, Finding, Remedy

# Losses whose slope does not shrink as the error does.
_EVEN = (*names.CROSS_ENTROPIES, *names.BOUNDED_LOSSES, *names.RELATIVE_LOSSES)
# How many times the limit cannot work at all.
_FAR = 10
# The mean square of what a layer of ReLUs gives, of inputs around 1, in the direction of its mean.
_SHARED = 0.16


def long_first_steps(case: Case) -> Iterator[Finding]:
    """Steps of an adaptive optimizer that replace the weights of a layer at once."""
    optimizer = _known(case)
    if optimizer is None or not optimizer.adaptive or optimizer.kind in OTHER_STEPS:
        return
    layers = [layer for layer in with_kernels(case.facts) if layer.trainable]
    if len(layers) < 2:
        return
    widest = max(layers, key=lambda layer: layer.fan_in)
    step = optimizer.learning_rate * math.sqrt(widest.fan_in / 2) / _target_scale(case)
    if step > case.limits.first_step:
        evidence = beside(case, "first step beside the weights", step, "first_step")
        told = f"the first step is {step:.2g} times as long as the weights of {widest.path} are"
        is_far = step > _FAR * case.limits.first_step
        yield _high(case, optimizer, "error" if is_far else "warning", told, evidence)


def long_descent(case: Case) -> Iterator[Finding]:
    """Gradient descent on squared errors beyond what the curvature of the last layer allows."""
    optimizer = _known(case)
    if optimizer is None or optimizer.adaptive or optimizer.clips:
        return
    for output in case.facts.outputs:
        is_linear = not output.own_loss and spelled(output.activation) == "linear"
        if not is_linear or spelled(output.loss) not in names.SQUARED_LOSSES:
            continue
        bound = (1 + optimizer.momentum) * (output.units or 1)
        certain, likely = _curvature(case)
        rate = optimizer.learning_rate
        if rate * certain > bound or rate * likely > 2 * bound:
            told = "the squared error curves so much that each step overshoots"
            curvature = certain if rate * certain > bound else likely / 2
            evidence = Evidence("learning rate", rate, bound / curvature, "curvature of the loss")
            severity = "error" if rate * certain > bound else "warning"
            yield _high(case, optimizer, severity, told, evidence)


def long_even_steps(case: Case) -> Iterator[Finding]:
    """Gradient descent on losses of bounded slope that throws hidden units out of their range."""
    optimizer = _known(case)
    if optimizer is None or optimizer.adaptive or optimizer.clips or not hidden(case.facts):
        return
    rate = effective_rate(optimizer)
    losses = [spelled(output.loss) for output in case.facts.outputs if not output.own_loss]
    if any(loss in _EVEN for loss in losses) and rate > case.limits.descent_rate:
        evidence = beside(case, "learning rate with momentum", rate, "descent_rate")
        told = "a step throws hidden units to where they no longer answer"
        yield _high(case, optimizer, "warning", told, evidence)


RULES: tuple[Rule, ...] = (long_first_steps, long_descent, long_even_steps)


def _known(case: Case) -> OptimizerFacts | None:
    optimizer = case.facts.optimizer
    if optimizer is None or optimizer.scheduled or not optimizer.learning_rate > 0:
        return None
    return optimizer


def _target_scale(case: Case) -> float:
    """Return how large the targets of a regression are, at least 1: weights must grow to them."""
    scales = [1.0]
    for output, task in learned(case):
        if task.kind == tasks.REGRESSION and output.target is not None:
            scales.append(math.hypot(output.target.mean, output.target.std))
    return max(scales)


def _curvature(case: Case) -> tuple[float, float]:
    """Return what the curvature is at least, of the bias or a linear model, and what it may be."""
    kernels = with_kernels(case.facts)
    certain = 1.0
    if len(kernels) == 1 and len(case.facts.inputs) == 1:
        x = case.facts.inputs[0]
        is_plain = all(layer.kind in (*names.DENSE, *names.SHAPING) for layer in case.facts.layers)
        if is_plain and not math.isnan(x.scales[2]):
            certain = max(1.0, x.scales[2] ** 2, kernels[0].fan_in * x.mean**2)
        return certain, certain
    likely = certain
    scales = [x.scales[2] for x in case.facts.inputs]
    is_scaled = bool(scales) and all(0.3 < scale < 3 for scale in scales)
    if is_scaled and kernels and kernels[-2].activation in names.RELUS:
        likely = 1 + _SHARED * kernels[-1].fan_in
    return certain, likely


def _high(
    case: Case, optimizer: OptimizerFacts, severity: str, told: str, evidence: Evidence
) -> Finding:
    usual = min(usual_rate(case, optimizer), optimizer.learning_rate / _FAR)
    if evidence.name == "learning rate" and evidence.limit:
        usual = min(usual, evidence.limit / _FAR)
    usual = float(f"{usual:.1g}")
    return Finding(
        "learning_rate_too_high",
        severity,
        f"The learning rate {optimizer.learning_rate:g} is too high: {told}.",
        where="learning_rate",
        evidence=(evidence,),
        remedies=(
            measured_rate(case.facts, usual),
            compiled_with(case.facts, "a lower rate", learning_rate=usual),
            _clipped(case, usual),
        ),
    )


def _clipped(case: Case, rate: float) -> Remedy:
    arguments = {"global_clipnorm": 1.0}
    text = "and clip the gradients"
    return compiled_with(case.facts, text, learning_rate=rate, optimizer=arguments)
