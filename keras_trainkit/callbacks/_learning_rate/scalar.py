"""Scalar variables that change between two steps of a running `fit`, at little cost."""

import contextlib
from collections.abc import Sequence

import keras

from keras_trainkit._backend import backend_module


def reachable(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Let a running `fit` of `model` keep its scalars where `Scalar.write` finds them."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    return backend_module(__package__).reachable(model)


def scalar(model: keras.Model, variable: keras.Variable) -> "Scalar":
    """Return the fastest way to write a scalar variable of the model or its optimizer.

    Args:
        model: the model that trains, made `reachable`.
        variable: scalar variable.
    """
    kind = Scalar if keras.backend.backend() == "torch" else backend_module(__package__).Direct
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
