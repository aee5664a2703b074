"""Scalar variables that change between two steps of a running `fit`, at little cost."""

from importlib import import_module
from typing import Any

import keras


class Scalar:
    """Writes a variable so that the next step reads the value, whoever holds it now.

    Args:
        model: the model that trains.
        variable: scalar variable of the model or its optimizer.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        self._model = model
        self._variable = variable
        self._direct: Any = None

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        backend = keras.backend.backend()
        if backend == "torch":
            self._variable.assign(value)
        else:
            self._directly(backend).write(value)

    def _directly(self, backend: str) -> Any:
        if self._direct is None:
            module = import_module(f"keras_trainkit.callbacks._scheduling._{backend}")
            self._direct = module.Direct(self._model, self._variable)
        return self._direct
