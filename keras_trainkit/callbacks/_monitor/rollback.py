"""The last weights that were finite, and the way back to them."""

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

CUT = 0.5
MOST_CUTS = 10


class Rollback:
    """A copy of a model's and its optimizers' variables in the memory of the host."""

    def __init__(self) -> None:
        self._values: list[np.ndarray] | None = None
        self.cuts = 0

    def save(self, model: keras.Model, optimizers: Sequence[Any]) -> None:
        """Copy all variables if they are finite."""
        # On JAX and PyTorch the arrays would share the memory that training overwrites.
        values = [
            np.array(keras.ops.convert_to_numpy(variable))
            for variable in _variables(model, optimizers)
        ]
        if all(np.isfinite(v.astype("float32")).all() for v in values if _is_number(v)):
            self._values = values

    def restore(self, model: keras.Model, optimizers: Sequence[Any], cut: bool) -> bool:
        """Go back, with half the present learning rate if `cut`; return whether it was possible.

        A learning rate that a schedule gives stays.
        """
        variables = _variables(model, optimizers)
        if self._values is None or len(self._values) != len(variables) or self.cuts >= MOST_CUTS:
            return False
        rates = [float(keras.ops.convert_to_numpy(o.learning_rate)) for o in optimizers]
        for variable, value in zip(variables, self._values, strict=True):
            variable.assign(value)
        if cut:
            self.cuts += 1
            for optimizer, rate in zip(optimizers, rates, strict=True):
                with contextlib.suppress(TypeError, AttributeError):  # The rate of a schedule.
                    optimizer.learning_rate = CUT * rate
        model.reset_metrics()
        return True


def _variables(model: keras.Model, optimizers: Sequence[Any]) -> list[Any]:
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]


def _is_number(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" or values.dtype.name == "bfloat16"
