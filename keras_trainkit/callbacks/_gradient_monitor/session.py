"""A model's train function for the time of one `fit`, run so that the gradients are seen."""

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_trainkit._keras_internals import has_been_traced
from keras_trainkit._patching import patched
from keras_trainkit._tensors import Tensor
from keras_trainkit._untouched import Values
from keras_trainkit._validation import invalid
from keras_trainkit.callbacks._gradient_monitor.draws import warn_of_second_stream
from keras_trainkit.callbacks._gradient_monitor.recorder import Recorder
from keras_trainkit.callbacks._gradient_monitor.reductions import Reductions
from keras_trainkit.callbacks._train_function import TrainFunction


@dataclass(frozen=True)
class Options:
    """What a session is asked to measure, and how many calls it must hold between two fetches."""

    statistics: frozenset[str]
    patterns: tuple[str, ...]
    capacity: int


class Session(TrainFunction):
    """Stands in for `model.train_function`, and gives the place back by itself.

    Keras calls no callback when a training is interrupted, and keeps the train function for the
    next one. So the monitor announces each call by `announce`, and the first call that was not
    announced, or belongs to another `fit`, puts the original function back. A call that is
    announced without being wanted runs the original function, untouched, unless the step draws
    random numbers from a stream that belongs to a trace: two functions would have two of them.
    There the observed function stays for later fits. Subclasses know one backend each.

    Args:
        model: a compiled model whose train function is made.
        options: `Options`.

    Attributes:
        draws: bool. Whether the step has such a stream. None until the first trace tells.
        receive: function, or None. It is given the first batch that can be seen, before that
            trains, and the values that the step takes for those of variables.
    """

    def __init__(self, model: keras.Model, options: Options) -> None:
        super().__init__(model)
        self.recorder = Recorder(
            model, self.reductions(model), options.statistics, options.patterns
        )
        self.fit: Any = None
        self.receive: Callable[[Any, Values], None] | None = None
        self.draws: bool | None = False
        self._observed: Callable = self.original
        self._has_begun = has_been_traced(self.original)
        self._armed = self._wanted = False
        self._next_step = 0
        self._steps: list[int] = []
        self._tables: list[Tensor] = []
        self._warned = False
        self._directions: dict[tuple[int, ...], Any] = {}
        self._groups: list[tuple[int, ...]] = []
        self._resumed: list[np.ndarray] = []

    @staticmethod
    def obstacle(model: keras.Model) -> str | None:
        """Return why this model cannot be observed on this backend, or None."""
        return None

    @staticmethod
    def reductions(model: keras.Model) -> Reductions:
        """Return the reductions that suit the backend and the way the model is compiled."""
        return Reductions()

    def run(self, *arguments: Any) -> Any:
        """Do what the original function does, and keep the statistics of each step."""
        raise NotImplementedError

    def peek(self, *arguments: Any) -> tuple[Any, tuple]:
        """Return the next batch and arguments that still hold it, or None and the arguments."""
        return None, arguments

    def held(self, *arguments: Any) -> Values:
        """Return the variables that have their values in the arguments, with these."""
        return ()

    def fetch(self) -> list[tuple[int, np.ndarray]]:
        """Return steps and statistics since the last `fetch`, `(1 + V, columns)` each."""
        steps, tables, self._steps, self._tables = self._steps, self._tables, [], []
        return list(zip(steps, self.on_host(tables), strict=True))

    def on_host(self, tables: Sequence[Tensor]) -> Sequence[np.ndarray]:
        """Return tables in the host's memory."""
        return [keras.ops.convert_to_numpy(table) for table in tables]

    def directions(self) -> list[np.ndarray]:
        """Return the directions of the last gradients, one array for each group of variables."""
        held = [self._directions[group] for group in self._groups]
        return [np.array(keras.ops.convert_to_numpy(direction)) for direction in held]

    def resume_directions(self, directions: Sequence[np.ndarray]) -> None:
        """Compare the next gradient with these, also in groups that the next step begins."""
        self._resumed = list(directions)
        for group in self._groups:
            if self._resumed:
                self.put_direction(group, self._resumed.pop(0))

    def put_direction(self, group: tuple[int, ...], direction: np.ndarray) -> None:
        """Take an array for the direction of the last gradient of a group."""
        self._directions[group] = keras.ops.convert_to_tensor(direction)

    def begin_group(self, group: tuple[int, ...], shape: Sequence[int]) -> Any:
        """Return the first direction that a group is compared with."""
        self._groups.append(group)
        return self._resumed.pop(0) if self._resumed else np.zeros(shape, "float32")

    def attach(self) -> None:
        """Take the place of the train function in the fit that begins now."""
        self.fetch()
        self._armed = False
        self.fit = self.model.history
        super().attach()

    def detach(self) -> bool:
        """Give the place back, to the observed function where that has the random stream."""
        if self.draws:
            self.original = self._unannounced()
        return super().detach()

    def announce(self, step: int, wanted: bool) -> None:
        """Say that the next call is this fit's and begins with `step`; measure it if wanted."""
        self._armed, self._wanted = True, wanted and not self.has_failed
        self._next_step = step

    def __call__(self, *arguments: Any) -> Any:
        """Run the train function once, observed if the monitor wants it."""
        if not (self._armed and self.fit is self.model.history):
            self.detach()
            return self.original(*arguments)
        self._armed = False
        if self.receive is not None:
            arguments = self._show_batch(self.receive, arguments)
        if not self._wanted and self.draws is False:
            return self.original(*arguments)
        is_first, result = self.draws is None, self.run(*arguments)
        if is_first and self.draws and self._has_begun:
            warn_of_second_stream()
        self._report_failure()
        return result

    def _show_batch(self, receive: Callable[[Any, Values], None], arguments: tuple) -> tuple:
        batch, arguments = self.peek(*arguments)
        if batch is not None:
            self.receive = None
            receive(batch, self.held(*arguments))
        return arguments

    def keep(self, table: Tensor | None) -> None:
        """Hold the statistics of the call's next step, if wanted, on the device until `fetch`."""
        if self._wanted and table is not None:
            self._steps.append(self._next_step)
            self._tables.append(table)
        self._next_step += 1

    def remade(self, train_step: Callable, **attributes: Any) -> Callable:
        """Return a train function that Keras makes around `train_step`, the model unchanged."""
        with patched(self.model, train_step=train_step, train_function=None, **attributes):
            self.model.make_train_function(force=True)
            return self.model.train_function

    def _unannounced(self) -> Callable:
        @functools.wraps(self._observed)
        def train_function(*arguments: Any) -> Any:
            self._wanted = False
            return self.run(*arguments)

        return train_function

    @property
    def has_failed(self) -> bool:
        """Whether this model cannot be observed, or not any more."""
        return self.recorder.failure is not None

    def _report_failure(self) -> None:
        failure, reason = self.recorder.failure, ""
        if failure is not None:
            reason = in_one_line(failure)
        elif not self.recorder.sees_updates:
            reason = "its train step calls no Keras optimizer"
        if reason and not self._warned:
            warn_unobserved(reason)
            self._warned = True


_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def in_one_line(error: Exception) -> str:
    """Return what an exception says, without colours, where Keras met it, and what follows."""
    lines = [line.strip() for line in _COLORS.sub("", str(error)).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return [*told, *lines, type(error).__name__][0].rstrip(".")


def warn_unobserved(reason: str) -> None:
    """Say that nothing is recorded, and why."""
    message = f"GradientMonitor cannot observe this model: {reason}. Training goes on unobserved."
    warnings.warn(message, stacklevel=2)


def check_model(model: keras.Model) -> None:
    """Raise if there is nothing to observe; take the place back from an interrupted `fit`."""
    if not getattr(model, "compiled", False):
        raise invalid("model", "a compiled model", getattr(model, "name", model))
    if model.built and not model.trainable_variables:
        raise invalid("model", "a model with trainable weights", model.name)
    model.make_train_function()
    other = model.train_function
    if isinstance(other, Session):
        other.detach()
        if other.fit is model.history:
            raise ValueError(
                "`callbacks` must hold one GradientMonitor. Received: two in one `fit`"
            )


def iterations(model: keras.Model) -> int:
    """Return how many updates the optimizer has counted."""
    return int(keras.ops.convert_to_numpy(getattr(model.optimizer, "iterations", 0)))
