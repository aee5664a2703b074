"""State whose form has changed since files and snapshots were written that are still read."""

from collections.abc import Callable
from typing import Any

import numpy as np

_OLDER = "older_form"


def read_older(
    variable: Any, shape: tuple[int, ...], converted: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Have values of an older shape understood, by what makes the present form of them."""
    setattr(variable, _OLDER, (shape, converted))


def lasting_shape(variable: Any) -> tuple[int, ...]:
    """Return the shape by which a variable is known in all versions, its oldest."""
    return getattr(variable, _OLDER, (tuple(variable.shape),))[0]


def present_form(variable: Any, value: Any) -> Any:
    """Return a value in the variable's present form; one of any other shape as it is."""
    shape, converted = getattr(variable, _OLDER, (None, None))
    return converted(np.asarray(value)) if converted and np.shape(value) == shape else value
