"""The best state of a training so far, and the way back to it."""

import os
from collections.abc import Iterable
from typing import Any

import keras

from keras_trainkit.callbacks._interruption import uninterrupted
from keras_trainkit.callbacks._snapshot.host_copy import InMemory, OnDisk
from keras_trainkit.callbacks._snapshot.variables import (
    assign,
    end_training,
    final_weights,
    state_variables,
    values_of,
)

BEST_FILE = "best.npz"
# How `keras.callbacks.SwapEMAWeights` notes that the model holds the moving average.
SWAPPED = "_ema_weights_in_model"


class BestState:
    """One copy of a model's weights, or of all that training changes.

    Args:
        whole: bool. Whether optimizer and seeds belong to it.
        directory: path of a folder for the copy, or None: in the memory of the host.
    """

    def __init__(self, whole: bool, directory: str | os.PathLike | None) -> None:
        self._whole = whole
        self._at_average = False
        self.copy: Any = (
            InMemory() if directory is None else OnDisk(os.path.join(directory, BEST_FILE))
        )

    @property
    def arrays(self) -> Any:
        """What is kept, None before the first time."""
        return self.copy.arrays

    def keep(self, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        """Copy the model as it is, or its weights as `fit` would leave them if it ended now."""
        if not isinstance(model, keras.Model):
            self.hold(model.get_weights())  # Something that stands in for a model.
            return
        at_average = any(getattr(callback, SWAPPED, False) for callback in callbacks)
        self._at_average = at_average
        if self._whole:
            self.copy.take(lambda: values_of(state_variables(model)))
        else:
            self.copy.take(lambda: final_weights(model, at_average))

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return {"arrays": self.arrays, "at_average": self._at_average}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._at_average = state["at_average"]
        if state["arrays"] is not None:
            self.copy.take(lambda: state["arrays"])

    def hold(self, arrays: Any) -> None:
        """Take these arrays for the copy."""
        self.copy = InMemory()
        self.copy.arrays = arrays

    def put_back(self, model: keras.Model) -> bool:
        """Give the model what was kept, and leave it as `fit` would; return False without any."""
        arrays = self.arrays
        if arrays is None:
            return False
        if not isinstance(model, keras.Model):
            model.set_weights(arrays)
            return True
        with uninterrupted():
            if self._whole:
                assign(state_variables(model), arrays)
                end_training(model, self._at_average)
            else:
                end_training(model)
                assign(model.weights, arrays)
        return True
