"""The best state of a training so far, where it is kept, and the way back to it."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit._interruption import uninterrupted
from keras_trainkit._keras_internals import (
    HOLDS_AVERAGE,
    moving_averages,
    optimizers_of,
    trained_variables,
)
from keras_trainkit.callbacks._training_state.variables import assign, state_variables, values_of

BEST_FILE = "best.npz"


class BestState:
    """One copy of a model's weights, or of all that training changes.

    Args:
        whole: bool. Whether optimizer and seeds belong to it.
        directory: path of a folder for the copy, or None: in the memory of the host.
    """

    def __init__(self, whole: bool, directory: str | os.PathLike | None) -> None:
        self._whole = whole
        self._at_average = False
        self._copy: InMemory | OnDisk = (
            InMemory() if directory is None else OnDisk(os.path.join(directory, BEST_FILE))
        )

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
        if self._whole:
            self._copy.take(lambda: values_of(state_variables(model)))
        else:
            self._copy.take(lambda: final_weights(model, at_average))

    def hold(self, arrays: Any) -> None:
        """Take these arrays for the copy."""
        self._copy = InMemory()
        self._copy.arrays = arrays

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

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return {"arrays": self.arrays, "at_average": self._at_average}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._at_average = state["at_average"]
        if state["arrays"] is not None:
            self._copy.take(lambda: state["arrays"])


class InMemory:
    """One copy of arrays, renewed in place: a second one never exists.

    Attributes:
        arrays: list of arrays, or None before the first `take`.
    """

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] | None = None

    def take(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        """Copy what `arrays` returns; a Ctrl-C waits until all are copied."""
        with uninterrupted():
            buffers, self.arrays = self.arrays or [], None  # After an error there is no copy.
            count = 0
            for array in arrays():
                if count < len(buffers):
                    buffers[count] = _refilled(buffers[count], array)
                else:
                    buffers.append(np.array(array))
                count += 1
                del array  # Before the next one is made.
            self.arrays = buffers[:count]


class OnDisk:
    """One copy of arrays in a file, replaced as a whole.

    Args:
        path: path of the file. Its folder is made.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self._memory: InMemory | None = None
        self._written = False

    def take(self, arrays: Callable[[], Iterable[np.ndarray]]) -> None:
        """Write what `arrays` returns; keep it in memory where that is impossible."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            archive.write(self.path, list(arrays()))
            self._written, self._memory = True, None
        except OSError as error:
            if self._memory is None:
                warnings.warn(
                    f"EarlyStopping cannot write {self.path}: {error.strerror or error}. "
                    "The best weights are kept in memory.",
                    stacklevel=2,
                )
            self._memory = self._memory or InMemory()
            self._memory.take(arrays)

    @property
    def arrays(self) -> list[np.ndarray] | None:
        """The arrays, read from the file at each access; None with a warning if it is damaged."""
        if self._memory or not self._written:
            return self._memory.arrays if self._memory else None
        try:
            return archive.read(self.path)
        except archive.DamagedError as error:
            warnings.warn(
                f"EarlyStopping has lost the best weights: {error}. The model keeps those that it "
                "has. Choose another `directory`, or none, if other programs write there.",
                stacklevel=2,
            )
            return None


def _refilled(buffer: np.ndarray, array: np.ndarray) -> np.ndarray:
    if buffer.shape != array.shape or buffer.dtype != array.dtype:
        return np.array(array)
    np.copyto(buffer, array)
    return buffer


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


def end_training(model: keras.Model, at_average: bool = False) -> None:
    """Bring model and optimizer to where `fit` leaves them at its end.

    A model that is `at_average` holds the moving averages, and they hold its weights in exchange.
    """
    for optimizer in optimizers_of(model) if at_average else ():
        for variable, average in moving_averages(optimizer):
            average.assign(variable)
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # A step that failed while it ran has taken the optimizer's arrays on JAX.
        with contextlib.suppress(RuntimeError):
            optimizer.finalize_variable_values(model.trainable_weights)


def _final_values(optimizer: Any, at_average: bool) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Yield the variables, by identity, that `fit` changes at its end, and how to compute that."""
    if getattr(optimizer, "use_ema", False):
        for variable, average in moving_averages(optimizer) if not at_average else ():
            yield id(variable), partial(keras.ops.convert_to_tensor, average)
    elif hasattr(optimizer, "_iterate_of"):
        for index, variable in enumerate(trained_variables(optimizer)):
            yield id(variable), partial(optimizer._iterate_of, index)
