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
        # The optimizer first: to collect the others of a deep model takes longer than its step.
        places = {2: (model.optimizer, "variables"), 1: (model, "non_trainable_variables")}
        self._part, self._index = next(
            (part, index)
            for part, (owner, name) in places.items()
            for index, candidate in enumerate(getattr(owner, name))
            if candidate is variable
        )
        self._dtype = keras.backend.standardize_dtype(variable.dtype)

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        model = self._model
        # The compiled step takes an array of NumPy for a tenth of what a transfer costs here.
        array = np.asarray(value, self._dtype)
        if model._jax_state_synced:  # The next step collects what the variables hold.
            self._variable.assign(array)
        else:
            self._state()[self._part][self._index] = array
        # Where the data has ended there is no next step, and Keras falls back on its copy.
        if copy := getattr(model, "_jax_state", None):
            copy[PARTS[self._part]][self._index] = array

    def _state(self) -> Any:
        for variables in locals_of_callers("fit"):
            if variables.get("self") is self._model and "state" in variables:
                return variables["state"]
        raise RuntimeError(
            "Keras's `fit` on JAX holds its variables elsewhere than this version of "
            f"keras_trainkit knows. Received: keras {keras.__version__}"
        )
