"""The rules that look at facts alone, as they are known before a training."""

from keras_trainkit.diagnosis._diagnose.case import Rule
from keras_trainkit.diagnosis._diagnose.static import (
    data,
    fast,
    heads,
    labels,
    losses,
    networks,
    one_batch,
    padding,
    plans,
    regularization,
    scales,
    signals,
    trials,
    units,
    validation,
)

RULES: tuple[Rule, ...] = (
    *labels.RULES,
    *data.RULES,
    *validation.RULES,
    *heads.RULES,
    *units.RULES,
    *losses.RULES,
    *scales.RULES,
    *networks.RULES,
    *regularization.RULES,
    *fast.RULES,
    *plans.RULES,
    *signals.RULES,
    *trials.RULES,
    *one_batch.RULES,
    *padding.RULES,
)
