"""JAX: a scalar that changes while `fit` carries the variables' values in its own hands."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_trainkit._keras_internals import write_jax_state
from keras_trainkit.callbacks._learning_rate.scalar import Scalar


def fast_scalar(model: keras.Model, variable: keras.Variable) -> Scalar:
    """Return the fastest way to write a scalar variable."""
    return FastScalar(model, variable)


class FastScalar(Scalar):
    """Writes into the state that `fit` hands from step to step.

    Args:
        model: the model that trains, its `state_in_reach`.
        variable: scalar variable of the model or its optimizer.
    """

    def __init__(self, model: keras.Model, variable: keras.Variable) -> None:
        self._model, self._variable = model, variable
        # The optimizer first: to collect the others of a deep model takes longer than its step.
        places = {
            "optimizer_variables": (model.optimizer, "variables"),
            "non_trainable_variables": (model, "non_trainable_variables"),
        }
        found = (
            (part, index)
            for part, (owner, name) in places.items()
            for index, candidate in enumerate(getattr(owner, name))
            if candidate is variable
        )
        place = next(found, None)
        if place is None:
            raise ValueError(
                f"`{variable.path}` cannot be driven: on JAX compiled steps read what the model "
                "and its optimizer hold, and take anything else as a constant. Assign the "
                "`variables` of an optimizer of your own to an attribute of the model."
            )
        self._place: tuple[str, int] = place
        self._dtype = np.dtype(keras.backend.standardize_dtype(variable.dtype))

    def expect(self, values: Sequence[float]) -> None:
        """Prepare nothing: an array of NumPy is made as fast as it is looked up."""

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        # The compiled step takes an array of NumPy for a tenth of what a transfer costs here.
        array = np.asarray(value, self._dtype)
        write_jax_state(self._model, self._variable, self._place, array)
