"""What hypermodels give to `fit`: batch size, epochs and the schedule of the current values."""

from typing import Any

import keras
import keras_tuner

from keras_trainkit._validation import invalid
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import training
from keras_trainkit.tuner import spaces

ADVICE = "give `steps_per_epoch` to `search`, as the data has no length, or durations in steps"


class SearchedFit(keras_tuner.HyperModel):
    """A hypermodel whose spaces also say how `fit` trains.

    Attributes:
        optimizer: `spaces.Optimizer`, `None` where the models bring their own.
        batch_size: `spaces.BatchSize`.
        epochs: `spaces.Epochs`.
    """

    optimizer: spaces.Optimizer | None
    batch_size: spaces.BatchSize
    epochs: spaces.Epochs

    def fit(
        self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Train `model` with batch size, epochs and schedule of the current values."""
        hp = hp if self.tunable else hp.copy()
        for name, space in (("batch_size", self.batch_size), ("epochs", self.epochs)):
            value = space.build(hp)
            if value is not None:
                self._check_given_once(name, kwargs)
                kwargs[name] = value
        rate = self.optimizer.rate(hp) if self.optimizer else None
        if isinstance(rate, Schedule):
            kwargs["callbacks"] = [*(kwargs.get("callbacks") or ()), ScheduleInSteps(rate)]
        return model.fit(*args, **kwargs)

    def _check_given_once(self, name: str, of_search: dict[str, Any]) -> None:
        """Raise, and end the search, if an argument is given to `search` too."""
        if name in of_search:
            raise keras_tuner.errors.FatalValueError(
                f"`{name}` must be given to {type(self).__name__}, or be False there. "
                f"Received by `search`: {name}={of_search[name]!r}"
            )


class ScheduleInSteps(keras.callbacks.Callback):
    """Gives the optimizer its schedule with every duration in steps of the training that begins.

    Args:
        schedule: A schedule of `keras_trainkit.schedules`, which the optimizer has already.
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Translate the durations."""
        span = training(self.params.get("steps"), self.params.get("epochs"), ADVICE)
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        # TensorFlow's `__setattr__` reads the rate first, which the old schedule cannot tell.
        type(optimizer).learning_rate.fset(optimizer, self.schedule.within(span))


def optimizer_space(optimizer: Any, schedule: Any) -> spaces.Optimizer:
    """Return the space of both arguments, of which a space holds the second inside the first."""
    if not isinstance(optimizer, spaces.Optimizer):
        return spaces.Optimizer(optimizer, schedule=schedule)
    if schedule is not None:
        raise invalid("schedule", "inside the spaces.Optimizer given", schedule)
    return optimizer
