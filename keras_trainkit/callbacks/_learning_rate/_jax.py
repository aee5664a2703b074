"""JAX: a scalar that changes while `fit` carries the variables' values in its own hands."""

import contextlib
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from keras_trainkit._patching import patched
from keras_trainkit.callbacks._learning_rate.scalar import Scalar

HELD = "_jax_state"


@contextlib.contextmanager
def state_in_reach(model: keras.Model) -> Iterator[None]:
    """Let `model._jax_state` hold the very lists that `fit` hands from step to step.

    They are a local variable of `fit`. Keras assigns them to the model after each step, to bring
    the variables up to date from when a callback reads `self.model`.
    """
    if "_setattr_hook" in vars(model):  # Another callback of this `fit` has done it.
        yield
        return
    keras_hook = model._setattr_hook

    def hook(name: str, value: Any) -> tuple[str, Any]:
        name, value = keras_hook(name, value)
        # A model copies the dicts and lists that it is assigned, and what is written into a copy
        # reaches no step. A proxy is neither: behind it lies the dict of `fit` itself.
        return name, MappingProxyType(value) if name == HELD and value else value

    with patched(model, _setattr_hook=hook):
        yield


def fast_scalar(model: keras.Model, variable: keras.Variable) -> Scalar:
    """Return the fastest way to write a scalar variable."""
    return FastScalar(model, variable)


class FastScalar(Scalar):
    """Writes into the state that `fit` hands from step to step.

    An assignment through `self.model` would bring all variables up to date at each step, some
    percent of a small model's.

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
        self._part, self._index = next(
            (part, index)
            for part, (owner, name) in places.items()
            for index, candidate in enumerate(getattr(owner, name))
            if candidate is variable
        )
        self._dtype = np.dtype(keras.backend.standardize_dtype(variable.dtype))

    def expect(self, values: Sequence[float]) -> None:
        """Prepare nothing: an array of NumPy is made as fast as it is looked up."""

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        model = self._model
        # The compiled step takes an array of NumPy for a tenth of what a transfer costs here.
        array = np.asarray(value, self._dtype)
        state = getattr(model, HELD, None)
        if model._jax_state_synced:  # The next step collects what the variables hold.
            self._variable.assign(array)
        elif not isinstance(state, MappingProxyType):
            raise RuntimeError(
                "Keras's `fit` on JAX holds its variables elsewhere than this version of "
                f"keras_trainkit knows. Received: keras {keras.__version__}"
            )
        # Where the data has ended there is no next step, and Keras falls back on its last state.
        if state:
            state[self._part][self._index] = array
