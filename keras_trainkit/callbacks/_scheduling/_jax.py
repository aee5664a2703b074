"""JAX: a scalar that changes while `fit` carries the variables' values in its own hands."""

from typing import Any

import keras
import numpy as np

from keras_trainkit._call_stack import locals_of_callers

PARTS = ("trainable_variables", "non_trainable_variables", "optimizer_variables")


class Direct:
    """The place of one variable in the state that `fit` hands from step to step.

    That state is a local variable of `fit`, and `model._jax_state` a copy of it, from which Keras
    brings the variables up to date at the end of an epoch and when a callback reads `self.model`.
    An assignment through `self.model` would do so at each step, some percent of a small model's.

    Args:
        model: the model that trains.
        variable: scalar variable of the model or its optimizer.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        self._model, self._variable = model, variable
        parts = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
        )
        self._part, self._index = next(
            (part, index)
            for part, variables in enumerate(parts)
            for index, candidate in enumerate(variables)
            if candidate is variable
        )

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        model = self._model
        if model._jax_state_synced:  # The next step collects what the variables hold.
            self._variable.assign(value)
        else:
            self._replace(self._state()[self._part], value)
        # Where the data has ended there is no next step, and Keras falls back on its copy.
        if copy := getattr(model, "_jax_state", None):
            self._replace(copy[PARTS[self._part]], value)

    def _replace(self, values: list[Any], value: float) -> None:
        # The compiled step takes an array of NumPy for a tenth of what a transfer costs here.
        values[self._index] = np.asarray(value, values[self._index].dtype)

    def _state(self) -> Any:
        for variables in locals_of_callers("fit"):
            if variables.get("self") is self._model and "state" in variables:
                return variables["state"]
        raise RuntimeError(
            "Keras's `fit` on JAX holds its variables elsewhere than this version of "
            f"keras_trainkit knows. Received: keras {keras.__version__}"
        )
