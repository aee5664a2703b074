"""The way back to the last finite state of a training."""

import contextlib

import keras
import numpy as np

from keras_trainkit.callbacks._training_state.variables import (
    assign,
    state_optimizers,
    state_variables,
    values_of,
)

CUT = 0.5
MOST_CUTS = 10


class Rollback:
    """A copy of a model's and its optimizers' variables in the memory of the host.

    Attributes:
        cuts: integer. How often the learning rate was halved.
    """

    def __init__(self) -> None:
        self._values: list[np.ndarray] | None = None
        self.cuts = 0

    def save(self, model: keras.Model) -> None:
        """Copy all variables if they are finite."""
        values = list(values_of(state_variables(model)))
        if all(np.isfinite(v).all() for v in values if _is_floating(v)):
            self._values = values

    def restore(self, model: keras.Model, cut: bool) -> bool:
        """Go back, with half the present learning rate if `cut`; return whether it was possible.

        The means of the epoch's metrics begin anew. A learning rate that a schedule gives stays.
        """
        variables, optimizers = state_variables(model), state_optimizers(model)
        if self._values is None or len(self._values) != len(variables) or self.cuts >= MOST_CUTS:
            return False
        rates = [float(keras.ops.convert_to_numpy(o.learning_rate)) for o in optimizers]
        assign(variables, self._values)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            with contextlib.suppress(TypeError, AttributeError):  # The rate of a schedule.
                optimizer.learning_rate = CUT * rate if cut else rate
        self.cuts += cut
        model.reset_metrics()
        return True

    def __getstate__(self) -> dict:
        """Leave the copy, which is as large as the model."""
        return {**vars(self), "_values": None}


def _is_floating(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" or values.dtype.name == "bfloat16"
