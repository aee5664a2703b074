"""Scalar variables that change between two steps of a running `fit`, at little cost."""

import contextlib
from importlib import import_module
from typing import Any

import keras


def reachable(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Let a running `fit` of `model` keep its scalars where `Scalar` finds them."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    return _of_backend().reachable(model)


class Scalar:
    """Writes a variable so that the next step reads the value, whoever holds it now.

    Args:
        model: the model that trains, made `reachable`.
        variable: scalar variable of the model or its optimizer.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        if keras.backend.backend() == "torch":
            self.write = variable.assign
        else:
            self.write = _of_backend().Direct(model, variable).write


def _of_backend() -> Any:
    return import_module(f"keras_trainkit.callbacks._scheduling._{keras.backend.backend()}")
