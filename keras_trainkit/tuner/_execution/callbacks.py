"""What watches the training of a trial."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import keras_tuner

from keras_trainkit.callbacks._early_stopping.copies import InMemory
from keras_trainkit.callbacks._training_state.variables import assign, state_variables, values_of
from keras_trainkit.tuner._execution.notes import Notes

DIVERGED = (
    "Diverged: `{name}` was {value} after epoch {epoch}. Try a lower learning rate, or look for "
    "values in the data that are not finite."
)

# From the number of epochs behind and their last logs; notes why training is to end, if it is.
Check = Callable[[int, dict[str, Any]], None]


class Begin(keras.callbacks.Callback):
    """Seeds all generators when a training begins: how much building has drawn does not matter."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin all streams anew."""
        keras.utils.set_random_seed(self.seed)


class Hooks(keras.callbacks.Callback):
    """Calls the methods of a tuner that a user may have overridden.

    Args:
        tuner: `keras_tuner.Tuner`.
        trial: its trial.
    """

    def __init__(self, tuner: keras_tuner.Tuner, trial: Any) -> None:
        super().__init__()
        self.tuner, self.trial = tuner, trial

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the tuner."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the tuner."""
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the tuner."""
        self.tuner.on_batch_end(self.trial, self.model, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell the tuner."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)


class Curve(keras.callbacks.Callback):
    """Notes the logs of each epoch.

    Args:
        curve: where they go.
    """

    def __init__(self, curve: dict[str, list[float]]) -> None:
        super().__init__()
        self.curve = curve

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the numbers."""
        for name, value in (logs or {}).items():
            self.curve.setdefault(name, []).append(float(value))


class Best(keras.callbacks.Callback):
    """Keeps in memory what a model and its optimizer were at the best epoch.

    They are copied as they are, as `save_weights` would write them at that epoch: NAG's weights at
    the point at which they were scored.

    Args:
        objective: `keras_tuner.Objective`.
    """

    def __init__(self, objective: Any) -> None:
        super().__init__()
        self.objective = objective
        self.value = math.inf if objective.direction == "min" else -math.inf
        self._copy = InMemory()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take a copy if the objective is better than ever."""
        if not self.objective.has_value(logs or {}):
            return
        value = self.objective.get_value(logs)
        if self.objective.better_than(value, self.value):
            self.value = value
            self._copy.take(lambda: values_of(state_variables(self.model)))

    def put_back(self, model: keras.Model) -> bool:
        """Give the model what was kept; return False without any, or if it has changed since."""
        arrays, variables = self._copy.arrays, state_variables(model)
        if arrays is None or len(arrays) != len(variables):
            return False
        assign(variables, arrays)
        return True


class Stop(keras.callbacks.Callback):
    """Ends a training as soon as one of its checks has noted a reason.

    Args:
        notes: of the trial.
        always: checks that are called after each epoch until one has a reason.
        before_last: checks that are not called after the last epoch, when nothing can be saved.
    """

    def __init__(self, notes: Notes, always: Iterable[Check], before_last: Iterable[Check]) -> None:
        super().__init__()
        self.notes, self.always, self.before_last = notes, list(always), list(before_last)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask the checks."""
        is_last = epoch + 1 >= (self.params or {}).get("epochs", math.inf)
        for check in [*self.always, *([] if is_last else self.before_last)]:
            if self.notes.reason is None:
                check(epoch + 1, logs or {})
        if self.notes.reason is not None:
            self.model.stop_training = True


def divergence(notes: Notes, objective: Any) -> Check:
    """Return the check for numbers that are not finite: the trial has failed then."""

    def check(epoch: int, logs: dict[str, Any]) -> None:
        watched = {"loss": logs.get("loss", 0.0)}
        if objective.has_value(logs):
            watched[objective.name] = objective.get_value(logs)
        for name, value in watched.items():
            if not math.isfinite(value):
                text = DIVERGED.format(name=name, value=float(value), epoch=epoch)
                notes.stop(text, has_failed=True)
                return

    return check
