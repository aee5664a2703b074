"""Scalar variables that change between two steps of a running `fit`, at little cost."""

import contextlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import keras


def reachable(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Let a running `fit` of `model` keep its scalars where `Scalar.write` finds them."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    return _of_backend().reachable(model)


def scalar(model: keras.Model, variable: keras.Variable) -> "Scalar":
    """Return the fastest way to write a scalar variable of the model or its optimizer.

    Args:
        model: the model that trains, made `reachable`.
        variable: scalar variable.
    """
    kind = Scalar if keras.backend.backend() == "torch" else _of_backend().Direct
    return kind(model, variable)


class Scalar:
    """Writes a variable so that the next step reads the value, whoever holds it now."""

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        self._model, self._variable = model, variable

    def expect(self, values: Sequence[float]) -> None:
        """Prepare to write these values."""

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        self._variable.assign(value)


def _of_backend() -> Any:
    return import_module(f"keras_trainkit.callbacks._scheduling._{keras.backend.backend()}")
