"""Code that changes the data of a training, those of the validation in the same way."""

import re

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis.facts import ArrayFacts
from keras_trainkit.diagnosis.finding import Remedy

# Inputs whose columns are about so large are scaled.
_SCALED = (0.1, 3.0)


def of_validation(name: str) -> str:
    """Return "x_val" for "x", "y_val[1]" for "y[1]"."""
    return re.sub(r"^(\w+)", r"\1_val", name)


def for_all(case: Case, array: ArrayFacts, template: str, before: str = "") -> str:
    """Return lines that change an array, and one more for that of the validation if there is one.

    Args:
        case: the training.
        array: `ArrayFacts` of the training data.
        template: string. One line, with `{a}` for the array.
        before: string. Lines in front, with `{a}` for the training array.
    """
    names = [array.name]
    if has_validation(case):
        names.append(of_validation(array.name))
    first = [before.format(a=array.name)] if before else []
    return "\n".join([*first, *(template.format(a=name) for name in names)])


def normalization(case: Case, x: ArrayFacts) -> Remedy:
    """Return the remedy of an input whose columns have a mean of 0 and a deviation of 1."""
    before = "normalization = keras.layers.Normalization()\nnormalization.adapt({a})"
    code = for_all(case, x, "{a} = keras.ops.convert_to_numpy(normalization({a}))", before)
    return Remedy("normalize each column, or put the same layer first in the network", code)


def is_scaled(x: ArrayFacts) -> bool:
    """Say whether an input's columns are around 1, or it is not known."""
    low, high = _SCALED
    return not (x.scales[2] < low or x.scales[2] > high)


def has_validation(case: Case) -> bool:
    """Say whether there are validation data that were not split off."""
    is_split = case.facts.plan.split > 0
    return bool(case.facts.validation_inputs) and not is_split
