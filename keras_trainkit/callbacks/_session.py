"""A model's train function for the time of one `fit`, run so that the gradients are seen."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_trainkit._shadowing import shadowed
from keras_trainkit.callbacks._hooks import Recorder
from keras_trainkit.callbacks._statistics import Tensor


class Session:
    """Stands in for `model.train_function`, and gives the place back by itself.

    Keras calls no callback when a training is interrupted, and keeps the train function for the
    next one. So the monitor announces each call by setting `armed`, and the first call that was
    not announced, or belongs to another `fit`, puts the original function back. Subclasses know
    one backend each.

    Args:
        model: a compiled model whose train function is made.
        capacity: int. The largest number of calls between two `fetch`.
    """

    def __init__(self, model: keras.Model, capacity: int) -> None:
        self.model = model
        self.capacity = capacity
        self.original = model.train_function
        self.recorder = Recorder(model, self.dense)
        self.fit: Any = None
        self.armed = False
        self.calls = 0
        self._tables: list[Tensor] = []
        self._warned = False

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed on this backend, or None."""
        return None

    def dense(self, gradient: Any) -> Tensor:
        """Return what the backend calls a gradient as one tensor."""
        return keras.ops.convert_to_tensor(gradient)

    def run(self, *arguments: Any) -> Any:
        """Do what the original function does, and keep the statistics of each step."""
        raise NotImplementedError

    def fetch(self) -> list[np.ndarray]:
        """Return the statistics of the steps since the last `fetch`, `(V, 8)` each."""
        tables, self._tables, self.calls = self._tables, [], 0
        return [keras.ops.convert_to_numpy(table) for table in tables]

    def attach(self) -> None:
        """Take the place of the train function in the fit that begins now."""
        self.fetch()
        self.armed = False
        self.fit = self.model.history
        self.model.train_function = self

    def detach(self) -> None:
        """Give the place back, unless `compile` has emptied it."""
        if self.model.train_function is self:
            self.model.train_function = self.original

    def __call__(self, *arguments: Any) -> Any:
        """Run the train function once, observed if the monitor has announced it."""
        if not (self.armed and self.fit is self.model.history):
            self.detach()
            return self.original(*arguments)
        self.armed = False
        self.calls += 1
        result = self.run(*arguments)
        self._report_failure()
        return result

    def keep(self, table: Tensor | None) -> None:
        """Hold the statistics of one step on the device until `fetch`."""
        if table is not None:
            self._tables.append(table)

    def remade(self, train_step: Callable, **attributes: Any) -> Callable:
        """Return a train function that Keras makes around `train_step`, the model unchanged."""
        with shadowed(self.model, train_step=train_step, train_function=None, **attributes):
            self.model.make_train_function(force=True)
            return self.model.train_function

    def _report_failure(self) -> None:
        reason = str(self.recorder.failure or "")
        if not (reason or self.recorder.variables):
            reason = "its train step calls no Keras optimizer"
        if reason and not self._warned:
            warn_unobserved(reason.splitlines()[0])
            self._warned = True


def warn_unobserved(reason: str) -> None:
    """Say that nothing is recorded, and why."""
    message = f"GradientMonitor cannot observe this model: {reason}. Training goes on unobserved."
    warnings.warn(message, stacklevel=2)
