"""The learning rate under control while `fit` runs."""

import contextlib
import os
from array import array
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._fit import calling_list, when_fit_fails
from keras_trainkit._keras_internals import forget_model
from keras_trainkit.callbacks._learning_rate.driven import Driven, DrivenNumber, Plan, as_float
from keras_trainkit.callbacks._learning_rate.others import Bystanders, warn_of_scheduler
from keras_trainkit.callbacks._learning_rate.position import Position
from keras_trainkit.callbacks._learning_rate.rates import (
    DrivenRate,
    chosen_optimizers,
    driven_rates,
    named_optimizers,
    rate_names,
)
from keras_trainkit.callbacks._learning_rate.scalar import state_in_reach
from keras_trainkit.callbacks._tensorboard import ScalarLog
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import training

_ADVICE = "give `steps_per_epoch` to `fit`, as the data has no length, or durations in steps"


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

    Where several optimizers train (`keras.optimizers.MultiOptimizer`, or a step of your own with
    optimizers in attributes of the model), one schedule drives them all, each from its own rate:
    that stands for the schedule's height, the learning rate that it falls from or rises to. A dict
    gives each a schedule of its own. An optimizer is called like its attribute, or like its class
    inside of a `MultiOptimizer`; its rate is logged as `"d_optimizer.learning_rate"`.

    Args:
        schedule: a schedule of `keras_trainkit.schedules` or `keras.optimizers.schedules`, or a
            function from the step, an int from 0, to the learning rate; or a dict of them by the
            names of optimizers, the others keeping their rates; `None` only logs. Defaults to
            `None`.
        also: dict from str to schedules, or `None`. Other numbers: `"momentum"`, `"beta_1"`,
            `"weight_decay"`, ... of an optimizer of `keras_trainkit`, `"d_optimizer.momentum"` of
            one of several, `"dropout.rate"` of its layer named `dropout`, also inside of another
            model. Defaults to `None`.
        log_dir: str, path or `None`. Folder on this machine for TensorBoard, with what was set at
            up to 200 steps of each epoch (at all of the first, if the data has no length);
            TensorFlow is not needed. Defaults to `None`.

    Attributes:
        multiplier: float. Actual rate divided by the schedule's; 1 until `ReduceLROnPlateau` or
            your code changes the rate.
        rates: float64 array. Learning rate of each step of the last `fit`, of which the history
            holds each epoch's last; with `steps_per_execution=k` of every k-th.
        Of several optimizers both are dicts, by the names in the history.

    Raises:
        ValueError: if an argument is not of its kind; when `fit` starts, if a duration cannot be
            told in steps (data without a length needs `steps_per_epoch`), if the optimizer has a
            schedule of its own, if a number is driven twice or by another `LearningRate`, if
            compiled steps do not read what is to be driven (on JAX: an optimizer whose
            `variables` the model does not hold), or if one function or 0 is to drive several
            optimizers, or they accumulate gradients differently; at a step, if the number is
            outside of its interval.

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
        schedule: Plan | Mapping[str, Plan] | None = None,
        *,
        also: Mapping[str, Plan] | None = None,
        log_dir: str | os.PathLike | None = None,
    ) -> None:
        """Check and keep the schedules."""
        super().__init__()
        if not (schedule is None or callable(schedule) or (schedule and _are_plans(schedule))):
            raise _validation.invalid(
                "schedule", "a schedule, a function, a dict of them or None", schedule
            )
        if also is not None and not _are_plans(also):
            raise _validation.invalid("also", "a dict from names to schedules, or None", also)
        self.schedule = dict(schedule) if isinstance(schedule, Mapping) else schedule
        self.also = dict(also or {})
        self._log = None if log_dir is None else ScalarLog(log_dir)
        self._rates: list[DrivenRate] = []
        self._driven: list[Driven] = []
        self._taken: dict[str, array] = {}
        self._carried: dict[str, float] = {}
        self._copied: dict[str, float] = {}
        self._running = contextlib.ExitStack()

    @property
    def multiplier(self) -> float | dict[str, float]:
        """Actual rate divided by the schedule's."""
        return _alone(self._multipliers(), 1.0)

    @property
    def rates(self) -> np.ndarray | dict[str, np.ndarray]:
        """The learning rates of the last `fit`, one for each call of the training step."""
        return _alone({name: np.array(taken) for name, taken in self._taken.items()}, np.array([]))

    def _multipliers(self) -> dict[str, float]:
        return {rate.name: rate.multiplier for rate in self._rates} or self._copied

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Translate the schedules into steps of this training."""
        model = self.model
        self._running.close()
        when_fit_fails(model, self._running.close)
        if self._log:
            self._log.begin()
            self._running.callback(self._log.close)
        self._running.enter_context(state_in_reach(model))
        self._optimizers = chosen_optimizers(model)
        self._rates, self._carried = [], self._multipliers()
        self._position = self._position_in(model)
        self._driven = [
            DrivenNumber(model, self._optimizers, name, self._in_steps(plan))
            for name, plan in self.also.items()
        ]
        if self.schedule is not None:
            self._rates = driven_rates(model, self._optimizers, self.schedule, self._in_steps)
            self._driven = [*self._rates, *self._driven]
            warn_of_scheduler(calling_list())
        self._taken = {rate.name: array("d") for rate in self._rates}
        self._bystanders = Bystanders(model)
        for driven in self._driven:
            self._running.enter_context(driven.watched())

    def _position_in(self, model: keras.Model) -> Position:
        driven = named_optimizers(self._optimizers, self.schedule)
        if self.schedule is None and not self.also:
            del driven[1:]  # To log the rates no step need be counted.
        return Position(driven, self.params.get("steps"), self.params.get("epochs"))

    def _in_steps(self, plan: Plan) -> Plan:
        """Return a schedule in steps of this training, and any other function as it is."""
        if not isinstance(plan, Schedule):
            return plan
        return plan.within(training(self._position.steps_per_epoch, self._position.epochs, _ADVICE))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Find the place in the training."""
        self._position.begin_epoch(epoch)
        if self._log:
            self._log.begin_epoch(self._step_of(0), self._position.steps_per_epoch)
        if epoch:
            for rate in self._rates:
                rate.go_on(self._carried.get(rate.name, 1.0), epoch)
        self._carried = {}

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set every number for the step that comes."""
        step = self._step_of(batch)
        for driven in self._driven:
            driven.follow(step)
        for rate in self._rates:
            self._taken[rate.name].append(rate.value)
        if self._log:
            self._log.add(step, self._numbers())

    def _step_of(self, batch: int) -> int:
        position = self._position
        return (position.batches_before + batch) // position.batches_per_step

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the numbers of the epoch's last step."""
        numbers = self._numbers()
        undriven = self._undriven()
        if undriven and self._log:
            self._log.end_epoch(numbers | undriven)
        self._bystanders.warn_if_trained(self)
        if logs is not None:
            logs.update(undriven | numbers)

    def _numbers(self) -> dict[str, float]:
        return {driven.name: driven.value for driven in self._driven}

    def _undriven(self) -> dict[str, float]:
        """Return the rates that no schedule drives."""
        driven = {rate.name for rate in self._rates}
        names = rate_names(self._optimizers).items()
        left = {one: name for one, name in names if name not in driven}
        if left:
            self.model  # On JAX reading it brings the variables up to date.  # noqa: B018
        return {n: as_float(n, self._optimizers[one].learning_rate) for one, n in left.items()}

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the numbers where they are."""
        self._running.close()

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        rates = {rate.name: rate.get_state() for rate in self._rates}
        log = self._log.get_state() if self._log else None
        return {"rates": rates, "origin": self._position.origin, "log": log}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._position.origin = state["origin"]
        self._carried = {}
        # Older snapshots hold the state of one rate.
        rates = state["rates"] if "rates" in state else {"learning_rate": state["rate"]}
        for rate in self._rates:
            if rates.get(rate.name):
                rate.set_state(rates[rate.name])
        if self._log and state.get("log"):  # Older snapshots have none.
            self._log.set_state(state["log"])

    def __getstate__(self) -> dict[str, Any]:
        """Keep the plans and the multipliers; a copy drives the model of its own `fit`."""
        return {
            **forget_model(self),
            "_rates": [],
            "_driven": [],
            "_optimizers": {},
            "_bystanders": None,
            "_position": None,
            "_running": contextlib.ExitStack(),
            "_carried": {},
            "_copied": {n: m * self._carried.get(n, 1.0) for n, m in self._multipliers().items()},
        }


def _are_plans(plans: Any) -> bool:
    return isinstance(plans, Mapping) and all(
        isinstance(name, str) and callable(plan) for name, plan in plans.items()
    )


def _alone(named: dict[str, Any], default: Any) -> Any:
    """Return the one value there is, or all by name."""
    return next(iter(named.values()), default) if len(named) < 2 else named
