"""How far an optimizer goes: what several rules on rates and plans have in common."""

import math

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis.facts import OptimizerFacts

# Usual learning rates beside Adam's, by which others are as high or low as it.
_BESIDE_ADAM = {"Adagrad": 100.0, "Ftrl": 100.0, "Adadelta": 1000.0, "Lion": 0.1}
# Optimizers whose steps shrink with the square root of the updates.
SHRINKING = ("Adagrad", "Ftrl")
# Those whose steps have another length than the rate.
OTHER_STEPS = (*SHRINKING, "Adadelta", "Adafactor")
_USUAL_DESCENT = 10.0


def effective_rate(optimizer: OptimizerFacts) -> float:
    """Return the rate of gradient descent with what momentum adds up to."""
    return optimizer.learning_rate / (1 - min(optimizer.momentum, 0.999))


def way(case: Case) -> float:
    """Return how far a weight can move in all planned updates; NaN where it is not known.

    Of gradient descent it is so for gradients of 1.
    """
    optimizer, updates = case.facts.optimizer, case.facts.plan.updates
    if optimizer is None or optimizer.scheduled or updates is None:
        return math.nan
    if not optimizer.adaptive:
        return effective_rate(optimizer) * updates
    if optimizer.kind in SHRINKING:
        return 2 * optimizer.learning_rate * math.sqrt(updates)
    return optimizer.learning_rate * updates


def lowest_usual(case: Case, optimizer: OptimizerFacts) -> float:
    """Return the lowest usual rate of a kind of optimizer."""
    factor = _BESIDE_ADAM.get(optimizer.kind, 1.0 if optimizer.adaptive else _USUAL_DESCENT)
    added = 1.0 if optimizer.adaptive else 1 - min(optimizer.momentum, 0.999)
    return case.limits.lowest_rate * factor * added


def usual_rate(case: Case, optimizer: OptimizerFacts) -> float:
    """Return the rate that most begin with, of a kind of optimizer."""
    return 10 * lowest_usual(case, optimizer)
