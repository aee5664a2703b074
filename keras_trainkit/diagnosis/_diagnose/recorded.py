"""All rules over what was recorded in a training."""

from keras_trainkit.diagnosis._diagnose import generalization, gradients, progress, rates, units
from keras_trainkit.diagnosis._diagnose.case import Rule

RULES: tuple[Rule, ...] = (
    *gradients.RULES,
    *units.RULES,
    *rates.RULES,
    *progress.RULES,
    *generalization.RULES,
)
