"""What an activation is called, however it was given."""

import functools
import re
from typing import Any

import keras

# Layers that are activations, where Keras's spelling of the function is not that of the class.
_SPELLED = {"re_lu": "relu", "leaky_re_lu": "leaky_relu", "p_re_lu": "prelu", "tan_h": "tanh"}
_LAYERS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")


def in_snake_case(name: str) -> str:
    """Return "binary_crossentropy" for "BinaryCrossentropy"."""
    between = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(between, "_", name).lower()


def function_name(function: Any) -> str:
    """Return the name of a function, of what a partial one calls, or of an object's class."""
    while isinstance(function, functools.partial):
        function = function.func
    named = getattr(function, "__name__", None)
    return named if named is not None else _of_class(type(function).__name__)


def _of_class(name: str) -> str:
    spelled = in_snake_case(name)
    return _SPELLED.get(spelled, spelled)


def activation_of(layer: Any) -> str:
    """Return the name of a layer's activation function, `""` for a layer without one.

    Of a layer that is itself an activation, its own; of a recurrent layer, its cell's.
    """
    kind = type(layer).__name__
    if kind in _LAYERS:
        leaks = kind == "ReLU" and layer.negative_slope
        return "leaky_relu" if leaks else _of_class(kind)
    if isinstance(layer, keras.layers.Wrapper):
        return ""
    if hasattr(layer, "activation"):
        return _named(layer.activation)
    cell = getattr(layer, "cell", None)
    cells = getattr(cell, "cells", [cell])
    return activation_of(cells[-1]) if cells and cells[-1] is not None else ""


def _named(activation: Any) -> str:
    if activation is None:
        return "linear"
    return activation_of(activation) or function_name(activation)


# Functions by their names without underscores, as operations of a functional graph have them.
_FUNCTIONS = {
    name.replace("_", ""): name
    for name in vars(keras.activations)
    if callable(getattr(keras.activations, name)) and name not in ("get", "serialize")
}


def of_operation(operation: Any) -> str:
    """Return the name of the activation function that an operation is, `""` for any other."""
    return _FUNCTIONS.get(type(operation).__name__.lower().replace("_", ""), "")
