"""The first steps of an epoch that was trained in part before."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from keras_trainkit.callbacks._train_function import TrainFunction


class SkippedSteps(TrainFunction):
    """Lets the data of some steps pass without training and without calling a callback.

    Stands in for `model.train_function`, and for two methods of the list of callbacks, until the
    last of them is over.

    Args:
        model: the model whose epoch begins.
        callbacks: its `keras.callbacks.CallbackList`.
        steps: integer. How many steps of the epoch are done.
        logs: dict. What the last of these logged.
        prepare: function of this object and the arguments of the first call, which returns
            arguments that still hold the data.
        then: function without arguments, called after the last of them.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        steps: int,
        logs: dict[str, Any],
        prepare: Callable[["SkippedSteps", tuple[Any, ...]], tuple[Any, ...]],
        then: Callable[[], None],
    ) -> None:
        super().__init__(model)
        self._callbacks = callbacks
        self._steps = steps
        self._logs = logs
        self._prepare = prepare
        self._then = then
        self._passed = 0
        self.attach()
        callbacks.on_train_batch_begin = self._begin
        callbacks.on_train_batch_end = self._end

    def __call__(self, *arguments: Any) -> Any:
        """Take the data of one call, and return what training would have returned last time."""
        backend = keras.backend.backend()
        if not self._passed:
            arguments = self._prepare(self, arguments)
        batches = arguments[-1]
        if backend != "torch":  # There the trainer itself takes a call's batches, as a list.
            batches = list(itertools.islice(batches, self.model.steps_per_execution))
        if not batches:  # Where the trainer's own function would have noticed it.
            self.check_is_over()
        return (self._logs, arguments[0]) if backend == "jax" else self._logs

    def check_is_over(self) -> None:
        """Raise if the epoch has ended among the steps that were done: its data is another."""
        if self.model.train_function is self:
            raise ValueError(
                f"`x` must give the steps that it gave before: a snapshot was written after step "
                f"{self._steps} of this epoch. Received: an epoch of {self._passed} steps"
            )

    def end(self) -> None:
        """Give every place back; doing it again changes nothing."""
        if self.detach():
            del self._callbacks.on_train_batch_begin, self._callbacks.on_train_batch_end
            self._then()

    def _begin(self, batch: int, logs: Any = None) -> None:
        pass

    def _end(self, batch: int, logs: Any = None) -> None:
        self._passed = batch + 1
        if self._passed >= self._steps:  # Before the trainer loads the next step's data.
            self.end()
