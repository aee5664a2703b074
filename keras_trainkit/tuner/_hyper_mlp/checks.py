"""Checks of what `HyperMLP` is given."""

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner

from keras_trainkit import _validation, initializers
from keras_trainkit.tuner import spaces
from keras_trainkit.tuner.spaces._dimension import known_to_keras


def checked_shape(shape: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return `input_shape` as a tuple, or raise."""
    if shape is None:
        return None
    try:
        return tuple(_validation.integer("input_shape", size, low=1) for size in shape)
    except (TypeError, ValueError):
        requirement = "a tuple of integers >= 1"
        raise _validation.invalid("input_shape", requirement, shape) from None


def known_activation(name: str, value: Any) -> str:
    """Return `value` if it names an activation that an initializer can be matched to, or raise."""
    known_to_keras(name, value, keras.activations.get, "the name of an activation")
    initializers.for_activation(value)
    return value


def optimizer_space(optimizer: Any, schedule: Any) -> spaces.Optimizer:
    """Return the space of both arguments, of which a space holds the second inside the first."""
    if not isinstance(optimizer, spaces.Optimizer):
        return spaces.Optimizer(optimizer, schedule=schedule)
    if schedule is not None:
        raise _validation.invalid("schedule", "inside the spaces.Optimizer given", schedule)
    return optimizer


def check_given_once(name: str, of_search: dict[str, Any]) -> None:
    """Raise, and end the search, if an argument is given to `search` too."""
    if name in of_search:
        raise keras_tuner.errors.FatalValueError(
            f"`{name}` must be given to HyperMLP, or be False there. "
            f"Received by `search`: {name}={of_search[name]!r}"
        )
