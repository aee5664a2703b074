"""Checks of what `HyperMLP` is given."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_trainkit import _validation, initializers
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
