"""A schedule in epochs or percent, brought into steps when a training begins."""

from typing import Any

import keras

from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import training

ADVICE = "give `steps_per_epoch` to `search`, as the data has no length, or durations in steps"


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
