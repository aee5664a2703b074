"""The best state of a training so far, where it is kept, and the way back to it."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_trainkit._interruption import uninterrupted
from keras_trainkit._keras_internals import (
    HOLDS_AVERAGE,
    moving_averages,
    optimizers_of,
    trained_variables,
)
from keras_trainkit._runtime_number import is_runtime_number
from keras_trainkit.callbacks._early_stopping.copies import InMemory, OnDisk
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    repeat_hyperparameters,
    state_variables,
    values_of,
)

BEST_FILE = "best.npz"
# What reading a variable on JAX raises where a step that failed has taken the array, and where
# `fit` had just taken it to hand it to a step.
TAKEN = (RuntimeError, TypeError)


class BestState:
    """One copy of a model's weights, or of all that training changes.

    Args:
        whole: bool. Whether optimizer and seeds belong to it.
        directory: path of a folder for the copy, or None: in the memory of the host.
    """

    def __init__(self, whole: bool, directory: str | os.PathLike | None) -> None:
        self._whole = whole
        self._directory = directory
        self._at_average = False
        self._seeds: list[np.ndarray] = []
        self._copy = self._no_copy()

    @property
    def arrays(self) -> Any:
        """What is kept, None before the first time."""
        return self._copy.arrays

    def keep(self, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        """Copy the model as it is, or its weights as `fit` would leave them if it ended now."""
        if not isinstance(model, keras.Model):
            self.hold(model.get_weights())  # Something that stands in for a model.
            return
        at_average = any(getattr(callback, HOLDS_AVERAGE, False) for callback in callbacks)
        self._at_average = at_average
        self._note_seeds(model)
        if self._whole:
            self._copy.take(lambda: values_of(state_variables(model)))
        else:
            self._copy.take(lambda: final_weights(model, at_average))

    def hold(self, arrays: Any) -> None:
        """Take these arrays for the copy."""
        self.forget()
        self._copy = InMemory()
        self._copy.arrays = arrays

    def forget(self) -> None:
        """Give the copy up, and with it the claim to a file."""
        self._copy.forget()
        self._copy = self._no_copy()
        self._at_average = False

    def put_back(self, model: keras.Model) -> bool:
        """Give the model what was kept, and leave it as `fit` would; return False without any.

        Raises:
            ValueError: if the model has other variables by now; none of them is changed then.
        """
        with uninterrupted():
            arrays = self.arrays
            if arrays is None:
                return False
            if not isinstance(model, keras.Model):
                model.set_weights(arrays)
                return True
            self.check_fit(model, arrays)
            if self._whole:
                assign(state_variables(model), arrays)
                end_training(model, self._at_average)
            else:
                end_training(model)
                assign(model.weights, arrays)
                give_back(model, self._seeds)
            repeat_hyperparameters(model)
        return True

    def check_fit(self, model: keras.Model, arrays: Sequence[np.ndarray]) -> None:
        """Raise unless the arrays can be given to the model."""
        variables = state_variables(model) if self._whole else model.weights
        needed = [(variable.path, tuple(variable.shape)) for variable in variables]
        given = [np.shape(array) for array in arrays]
        if len(needed) != len(given):
            raise ValueError(
                f"The best {'state' if self._whole else 'weights'} must be {len(needed)} arrays, "
                f"as many as the model has. Received: {len(given)} arrays"
            )
        for (path, shape), other in zip(needed, given, strict=True):
            if shape != other:
                raise ValueError(
                    f"The best value of {path} must have the shape {shape}, as the model's has. "
                    f"Received: shape={other}"
                )

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return {"arrays": self.arrays, "at_average": self._at_average}

    def set_state(self, state: Mapping[str, Any], model: Any) -> None:
        """Continue from a state, with this model if one is known."""
        self.forget()
        self._at_average = state["at_average"]
        if isinstance(model, keras.Model):
            self._note_seeds(model)
        if state["arrays"] is not None:
            self._copy.take(lambda: state["arrays"])

    def _note_seeds(self, model: keras.Model) -> None:
        self._seeds = [np.array(value) for value in values_of(taken_by_steps(model))]

    def _no_copy(self) -> InMemory | OnDisk:
        if self._directory is None:
            return InMemory()
        return OnDisk(os.path.join(self._directory, BEST_FILE))


def final_weights(model: keras.Model, at_average: bool) -> Iterator[np.ndarray]:
    """Yield `model.get_weights()` as it would be if `fit` ended now.

    That is the moving average where an optimizer has `use_ema`, unless the model is `at_average`
    already, and the iterate of NAG.
    """
    final: dict[int, Callable[[], Any]] = {}
    for optimizer in optimizers_of(model):
        if getattr(optimizer, "built", False):
            final.update(_final_values(optimizer, at_average))
    for variable in model.weights:
        value = final.get(id(variable))
        yield keras.ops.convert_to_numpy(value() if value else variable)


def taken_by_steps(model: keras.Model) -> list[Any]:
    """Return what is no weight of which a step that fails while it runs takes the value: seeds."""
    if keras.backend.backend() != "jax":
        return []
    weights = {id(weight) for weight in model.weights}
    return [v for v in model.variables if id(v) not in weights and not is_runtime_number(v)]


def give_back(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Give such variables a value where they have none; without one the model predicts nothing."""
    for variable, value in zip(taken_by_steps(model), values, strict=False):
        try:
            keras.ops.convert_to_numpy(variable)
        except TAKEN:
            variable.assign(value)


def end_training(model: keras.Model, at_average: bool = False) -> None:
    """Bring model and optimizer to where `fit` leaves them at its end.

    A model that is `at_average` holds the moving averages, and they hold its weights in exchange.
    """
    for optimizer in optimizers_of(model) if at_average else ():
        for variable, average in moving_averages(optimizer):
            average.assign(variable)
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        with contextlib.suppress(*TAKEN):
            optimizer.finalize_variable_values(model.trainable_weights)


def _final_values(optimizer: Any, at_average: bool) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Yield the variables, by identity, that `fit` changes at its end, and how to compute that."""
    if getattr(optimizer, "use_ema", False):
        for variable, average in moving_averages(optimizer) if not at_average else ():
            yield id(variable), partial(keras.ops.convert_to_tensor, average)
    elif hasattr(optimizer, "_value_at_end"):
        for index, variable in enumerate(trained_variables(optimizer)):
            yield id(variable), partial(optimizer._value_at_end, index)
