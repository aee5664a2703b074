"""Code that changes the data of a training, those of the validation in the same way."""

import re

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis.facts import ArrayFacts


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
    if _has_validation(case):
        names.append(of_validation(array.name))
    first = [before.format(a=array.name)] if before else []
    return "\n".join([*first, *(template.format(a=name) for name in names)])


def _has_validation(case: Case) -> bool:
    is_split = case.facts.plan.split > 0
    return bool(case.facts.validation_inputs) and not is_split
