"""The learning rate under control while `fit` runs."""

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import keras

from keras_trainkit import _validation
from keras_trainkit._fit import when_fit_fails
from keras_trainkit._keras_internals import forget_model
from keras_trainkit.callbacks._learning_rate.driven import (
    Driven,
    DrivenNumber,
    DrivenRate,
    Plan,
    as_float,
)
from keras_trainkit.callbacks._learning_rate.position import Position
from keras_trainkit.callbacks._learning_rate.scalar import state_in_reach
from keras_trainkit.callbacks._tensorboard import ScalarLog
from keras_trainkit.schedules._schedule import Schedule


class LearningRate(keras.callbacks.Callback):
    """Drives the learning rate, and other numbers, by schedules; logs them at each epoch.

        learning_rate(t) = schedule(t) * m
        t = floor((epoch * batches + batch) / gradient_accumulation_steps)

    When `fit` starts, durations in epochs and percent become optimizer steps of this training.
    t is the place in the training, not the optimizer's count: with `initial_epoch=3` the schedule
    goes on at epoch 3, and a second `fit` begins it anew. Whatever else assigns the learning rate
    (`keras.callbacks.ReduceLROnPlateau`, a rollback, you) changes the multiplier m, which is 1 at
    first: the schedule goes on at the new height. A `fit` that goes on with the same callback keeps
    m. The compiled step stays as it is: it reads the variable that Keras reads.

    Args:
        schedule: a schedule of `keras_trainkit.schedules` or `keras.optimizers.schedules`, or a
            function from the step, an int from 0, to the learning rate; `None` only logs it.
            Defaults to `None`.
        also: dict from str to schedules, or `None`. Other numbers: `"momentum"`, `"beta_1"`,
            `"weight_decay"`, ... of an optimizer of `keras_trainkit`, `"dropout.rate"` of its
            layer named `dropout`, also inside of another model. Defaults to `None`.
        log_dir: str, path or `None`. Folder on this machine for TensorBoard, with what was set at
            up to 200 steps of each epoch (at all of the first, if the data has no length);
            TensorFlow is not needed. Defaults to `None`.

    Attributes:
        multiplier: float. Actual rate divided by the schedule's; 1 until `ReduceLROnPlateau` or
            your code changes the rate.

    Raises:
        ValueError: if an argument is not of its kind; when `fit` starts, if a duration cannot be
            told in steps (data without a length needs `steps_per_epoch`), if the optimizer has a
            schedule of its own or is driven by another `LearningRate`, or if `also` names a number
            that compiled steps do not read; at a step, if the number is outside of its interval.

    Differs from Keras: `keras.callbacks.LearningRateScheduler` sets the rate once an epoch and
    takes back what `ReduceLROnPlateau` did; schedules in an optimizer count its steps only, and
    appear in no log. With `steps_per_execution=k` the numbers change every k batches.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.callbacks import LearningRate
        >>> from keras_trainkit.schedules import CosineDecay
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> schedule = CosineDecay(0.1, "100%").warmup("1 epoch")
        >>> history = model.fit(np.ones((8, 2)), np.ones(8), batch_size=2, epochs=3, verbose=0,
        ...                     callbacks=[LearningRate(schedule)])
        >>> [round(rate, 4) for rate in history.history["learning_rate"]]
        [0.075, 0.0691, 0.0038]

    Reference: the schedules' own.
    """

    def __init__(
        self,
        schedule: Plan | None = None,
        *,
        also: Mapping[str, Plan] | None = None,
        log_dir: str | os.PathLike | None = None,
    ) -> None:
        """Check and keep the schedules."""
        super().__init__()
        if schedule is not None and not callable(schedule):
            raise _validation.invalid("schedule", "a schedule, a function or None", schedule)
        if also is not None and not _are_plans(also):
            raise _validation.invalid("also", "a dict from names to schedules, or None", also)
        self.schedule = schedule
        self.also = dict(also or {})
        self._log = None if log_dir is None else ScalarLog(log_dir)
        self._rate: DrivenRate | None = None
        self._driven: list[Driven] = []
        self._carried = self._copied = 1.0
        self._running = contextlib.ExitStack()

    @property
    def multiplier(self) -> float:
        """Actual rate divided by the schedule's."""
        return self._rate.multiplier if self._rate else self._copied

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Translate the schedules into steps of this training."""
        model = self.model
        self._running.close()
        when_fit_fails(model, self._running.close)
        if self._log:
            self._log.begin()
            self._running.callback(self._log.close)
        self._running.enter_context(state_in_reach(model))
        self._position = Position(model, self.params.get("steps"), self.params.get("epochs"))
        also = self.also.items()
        self._driven = [DrivenNumber(model, name, self._in_steps(plan)) for name, plan in also]
        if self.schedule is not None:
            plan = self._in_steps(self.schedule)
            self._carried = self.multiplier
            self._rate = DrivenRate(model, plan)
            self._driven.insert(0, self._rate)
            self._running.enter_context(self._rate.watched())

    def _in_steps(self, plan: Plan) -> Plan:
        """Return a schedule in steps of this training, and any other function as it is."""
        if not isinstance(plan, Schedule):
            return plan
        if self._position.steps_per_epoch is None:
            plan.require_steps()
            return plan
        return plan.bind(self._position.steps_per_epoch, self._position.epochs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Find the place in the training."""
        self._position.begin_epoch(epoch)
        if self._log:
            self._log.begin_epoch(self._step_of(0), self._position.steps_per_epoch)
        if epoch and self._rate:
            self._rate.multiplier *= self._carried
        self._carried = 1.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set every number for the step that comes."""
        step = self._step_of(batch)
        for driven in self._driven:
            driven.follow(step)
        if self._log:
            self._log.add(step, self._numbers())

    def _step_of(self, batch: int) -> int:
        position = self._position
        return (position.batches_before + batch) // position.batches_per_step

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the numbers of the epoch's last step."""
        numbers = self._numbers()
        if self.schedule is None:
            numbers["learning_rate"] = as_float("learning_rate", self.model.optimizer.learning_rate)
            if self._log:
                self._log.end_epoch(numbers)
        if logs is not None:
            logs.update(numbers)

    def _numbers(self) -> dict[str, float]:
        return {driven.name: driven.value for driven in self._driven}

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the numbers where they are."""
        self._running.close()

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        rate = self._rate.get_state() if self._rate else None
        log = self._log.get_state() if self._log else None
        return {"rate": rate, "origin": self._position.origin, "log": log}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._position.origin = state["origin"]
        self._carried = 1.0
        if self._rate and state["rate"]:
            self._rate.set_state(state["rate"])
        if self._log and state.get("log"):  # Older snapshots have none.
            self._log.set_state(state["log"])

    def __getstate__(self) -> dict[str, Any]:
        """Keep the plans and the multiplier; a copy drives the model of its own `fit`."""
        return {
            **forget_model(self),
            "_rate": None,
            "_driven": [],
            "_position": None,
            "_running": contextlib.ExitStack(),
            "_copied": self.multiplier * self._carried,
            "_carried": 1.0,
        }


def _are_plans(also: Any) -> bool:
    return isinstance(also, Mapping) and all(
        isinstance(name, str) and callable(plan) for name, plan in also.items()
    )
