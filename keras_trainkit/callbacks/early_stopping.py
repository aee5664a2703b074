"""Early stopping that gives the best weights back however `fit` ends."""

import math
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras

from keras_trainkit import _validation
from keras_trainkit._fit import Fit, calling_list, running_fit, when_fit_fails
from keras_trainkit._interruption import uninterrupted
from keras_trainkit._keras_internals import forget_model
from keras_trainkit.callbacks._early_stopping.best_state import BestState
from keras_trainkit.callbacks._early_stopping.criteria import Criteria, Margin, Smoothing
from keras_trainkit.callbacks._early_stopping.limits import Limits
from keras_trainkit.callbacks._early_stopping.monitored import (
    VALIDATION,
    any_of_validation,
    directions_of,
    modes_of,
    names_of,
    value_of,
)
from keras_trainkit.callbacks._early_stopping.progress import (
    Progress,
    StoppingReport,
    in_progress,
)
from keras_trainkit.callbacks._early_stopping.resumed import checked_copy, checked_progress
from keras_trainkit.callbacks._early_stopping.served import Served
from keras_trainkit.callbacks._early_stopping.unchecked import why_unchecked
from keras_trainkit.callbacks._early_stopping.validation import check_can_validate, validation_logs
from keras_trainkit.callbacks._training_state.variables import build_optimizer


class EarlyStopping(keras.callbacks.Callback):
    """Stop when a metric no longer improves, and give back the weights of its best epoch.

        improvement: current + min_delta < best    ("min")    current - min_delta > best    ("max")
        stop:        `patience` checks in a row without an improvement

    A check is an epoch that has the metric, so with `validation_freq=5` a patience of 2 is ten
    epochs. With NaN or infinity in any of its metrics it is no improvement. The best weights come
    back when `fit` ends, whether by itself, by this callback, by Ctrl-C or by an exception in a
    step, the data, the validation or another callback. They are what `fit` would have left had it
    ended at the best check: the moving average where the optimizer has `use_ema`, and the iterate
    of NAG.

    Args:
        monitor: str, or sequence of str. Name of a scalar in the epoch's logs. If several are
            given, later ones break ties within `min_delta`. Defaults to `"val_loss"`.
        min_delta: float >= 0 in the metric's unit, or a percentage of the best value such as
            `"1%"`. What a value must gain on the best one to be an improvement. Defaults to `0`.
        patience: int >= 0. Checks without an improvement after which training stops; 0 and 1 are
            the same. Defaults to `0`.
        verbose: 0 (silent) or 1 (say when training stops and what is restored). Defaults to `0`.
        mode: "min", "max", or "auto": the direction of Keras's metrics; or a sequence of these, one
            per metric. Defaults to `"auto"`.
        baseline: float or `None`. Only improvements that also improve on this value reset the
            count of checks. Defaults to `None`.
        restore_best_weights: bool. Give the best weights back. Defaults to `True`.
        start_from_epoch: int >= 0. First epoch (0-based) that is checked. Defaults to `0`.
        restore: "weights", or "state": also the optimizer with the position of its schedule, and
            the seeds of layers, so that a later `fit` goes on from the best epoch. Defaults to
            `"weights"`.
        smoothing: float in [0, 1). Share of the past in a moving average of the values (without
            the bias of its start) that is compared in their place. Defaults to `0.0`.
        target: float or `None`. Stop as soon as the (first) metric is this good.
        divergence: float or `None`. Stop as soon as the (first) metric is worse than this, as NaN
            is.
        max_gap: float >= 0 or `None`. Stop after `patience` checks in a row in which validation
            was worse than training by more than this, in the (first) metric, which must then be
            one of validation. Defaults to `None`.
        stop_on_nonfinite: bool. Stop at the first NaN or infinity. Defaults to `False`.
        every: int >= 1 or `None`. Check after every so many training steps, in place of the ends
            of epochs: a metric of validation by validating on the `validation_data` of `fit`, one
            of training by its mean over the epoch so far. Defaults to `None`.
        directory: path or `None`. Folder for the best weights, in place of host memory: in
            `best.npz`, or where another training keeps its own there, in `best-2.npz` and so on.
        reset_on_fit: bool. Begin anew at every `fit`; else best value, weights and patience last
            from one `fit` of a model to the next. Defaults to `True`.
        improvement: "first", or "any": with several metrics a gain of any of them on its own best
            value counts for the patience, so that training stops when none of them improves. The
            best epoch is in both cases that of the first metric. Defaults to `"first"`.

    Attributes:
        best: float or `None`. Best value so far (smoothed if asked for), of the first metric.
        best_epoch: int. Epoch (0-based) of the best value.
        best_weights: list of arrays or `None`. `model.get_weights()` at the best check, as `fit`
            would leave them; one copy in host memory, renewed in place.
        wait: int. Checks since the last improvement.
        stopped_epoch: int. Epoch (0-based) at which this callback stopped training, else 0.
        report: `StoppingReport`. Why training ended, and the best epoch and values; `print` it.

    Raises:
        ValueError: if an argument is outside its interval; at the end of the first epoch, if it
            has no such metric, or if `mode="auto"` and the direction is not known.
        RuntimeError: if it is given to a second `fit` while the first one runs.

    Differs from Keras: weights are restored by default, and also when `fit` raises; a NaN is not
    kept as the best value; a wrong `mode`, a negative `min_delta` or an unknown metric is an error;
    with `use_ema` the average of the best epoch comes back, not its raw weights. In a loop that
    does not run `keras.Model.fit` nothing is restored when it raises. On JAX a step that fails
    while it runs leaves the optimizer without its state; `compile` or `restore="state"` gives one.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.callbacks import EarlyStopping
        >>> model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(keras.optimizers.SGD(0.0), loss="mse")
        >>> stopping = EarlyStopping(monitor="loss", patience=3)
        >>> history = model.fit(
        ...     np.ones((4, 2)), np.ones(4), epochs=10, callbacks=[stopping], verbose=0
        ... )
        >>> len(history.epoch), stopping.best_epoch, stopping.best
        (4, 0, 1.0)
        >>> stopping.report.reason
        'patience'

    Reference: Goodfellow, I., Bengio, Y. & Courville, A. (2016), Deep Learning, Algorithm 7.1.
    """

    def __init__(
        self,
        monitor: str | Sequence[str] = "val_loss",
        min_delta: float | str = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str | Sequence[str] = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
        *,
        restore: str = "weights",
        smoothing: float = 0.0,
        target: float | None = None,
        divergence: float | None = None,
        max_gap: float | None = None,
        stop_on_nonfinite: bool = False,
        every: int | None = None,
        directory: str | os.PathLike | None = None,
        reset_on_fit: bool = True,
        improvement: str = "first",
    ) -> None:
        """Check and keep the arguments."""
        super().__init__()
        self.monitor = monitor
        self.monitors = names_of(monitor)
        self.min_delta = min_delta
        self._margin = Margin(min_delta)
        self.patience = _validation.integer("patience", patience, low=0)
        self.verbose = _validation.one_of("verbose", verbose, (0, 1))
        modes_of(mode, len(self.monitors))  # Raises if it is none.
        self.mode = mode
        self.baseline = None if baseline is None else _validation.real("baseline", baseline)
        self.restore_best_weights = _validation.boolean(
            "restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = _validation.integer("start_from_epoch", start_from_epoch, low=0)
        self.restore = _validation.one_of("restore", restore, ("weights", "state"))
        self.smoothing = _validation.real("smoothing", smoothing, low=0.0, high=1.0, high_open=True)
        limits = Limits(target, divergence, max_gap, stop_on_nonfinite)
        self.target, self.divergence = limits.target, limits.divergence
        self.max_gap, self.stop_on_nonfinite = limits.max_gap, limits.stop_on_nonfinite
        if max_gap is not None and not self.monitors[0].startswith(VALIDATION):
            raise _validation.invalid("monitor", "a metric of validation for `max_gap`", monitor)
        self.every = None if every is None else _validation.integer("every", every, low=1)
        self.async_safe = every is None  # Else a step is only over when it has been checked.
        self.directory = None if directory is None else _validation.folder("directory", directory)
        self.reset_on_fit = _validation.boolean("reset_on_fit", reset_on_fit)
        self.improvement = _validation.one_of("improvement", improvement, ("first", "any"))
        self._smoothing = Smoothing(self.smoothing)
        self._neighbours: Iterable[Any] = ()
        self._served = Served()
        self._logged = False  # Whether this `fit` has logged the metrics.
        self._restored = False
        self._epoch = self._epochs = 0
        self._kept = BestState(self.restore == "state", self.directory)
        self._reset()

    def _reset(self) -> None:
        self.monitor_op: Any = None
        self._criteria: Criteria | None = None
        self._progress = Progress()
        self._kept.forget()

    wait = in_progress("wait")
    best = in_progress("best")
    best_epoch = in_progress("best_epoch")
    best_step = in_progress("best_step")
    best_logs = in_progress("best_logs")
    checks = in_progress("checks")
    stopped_epoch = in_progress("stopped_epoch")

    @property
    def best_weights(self) -> Any:
        """The weights of the best check."""
        return self._kept.arrays if self.restore == "weights" else None

    @best_weights.setter
    def best_weights(self, weights: Any) -> None:
        self._kept.hold(weights)

    def set_model(self, model: keras.Model) -> None:
        """Serve a model, one at a time."""
        self._served.check_is_free(running_fit(model))
        super().set_model(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Forget the last `fit`, unless told not to."""
        model = self.model
        fit = running_fit(model)
        self._served.check_is_free(fit)
        with uninterrupted():
            self._begin(model, fit)
        if self.every and self._validates:
            check_can_validate(fit)
        if self.restore == "state":
            build_optimizer(model)

    def _begin(self, model: keras.Model, fit: Fit | None) -> None:
        if self.reset_on_fit or self._served.was_another(model, warns=self._progress.checks > 0):
            self._reset()
        self._served.begin(model, fit)
        self._logged = False
        self._progress.begin()
        self._restored = False
        self._epoch = self._epochs = 0
        callbacks = calling_list()
        self._neighbours = callbacks.callbacks if callbacks else []
        when_fit_fails(model, self._on_failure)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Remember where the epoch begins."""
        self._epoch, self._progress.begun = epoch, 0
        self._epochs += 1
        self._progress.first_step = self._progress.step

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Remember the step: unlike its end, no other thread may report its beginning."""
        self._progress.begun = batch + 1

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check if it is time."""
        if not self.every:
            return
        before, now = self._progress.step, self._steps_up_to(batch)
        self._progress.step = now
        if now // self.every > before // self.every:
            fit = running_fit(self.model)
            logs = dict(logs or {})
            if self._validates and fit is not None:
                logs |= validation_logs(self.model, fit)
            self._check(self._epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the epoch's value; keep the weights if it is the best, stop if patience is out."""
        if not self.every:
            if self._progress.begun:
                per_call = getattr(self.model, "steps_per_execution", 1)
                self._progress.step = self._steps_up_to(self._progress.begun + per_call - 2)
            self._check(epoch, logs or {})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Give the best weights back."""
        if self._progress.reason == "running":
            self._progress.end("end", f"Training ran to its end.{self._why_unchecked()}")
        if self.has_stopped and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: stopped, {self._progress.brief}")
        self._restore()
        self._neighbours = ()

    def get_monitor_value(self, logs: Mapping[str, Any] | None) -> float | None:
        """Return the (first) monitored value of an epoch, or `None` where the epoch has none."""
        return value_of(logs or {}, self.monitors[0])

    @property
    def has_stopped(self) -> bool:
        """Whether this callback has stopped the training."""
        return bool(self._progress.brief)

    @property
    def report(self) -> StoppingReport:
        """Why training ended, and the best epoch and values."""
        return self._progress.report(self._restored)

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs: nested numbers and arrays."""
        progress, kept = asdict(self._progress), self._kept.get_state()
        return {**progress, "restore": self.restore, "kept": kept}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises:
            ValueError: if it is not one of a callback with these arguments, or of another model;
                nothing is changed then.
        """
        model = self.model
        progress = checked_progress(state, self.monitors)
        if self.restore == "state" and isinstance(model, keras.Model):
            build_optimizer(model)
        kept = checked_copy(state, self.restore, self._kept, model)
        with uninterrupted():
            self._progress = progress
            self._kept.set_state(kept, model)
            self._served.know(model)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what belongs to a running `fit`, of which a copy has its own."""
        return {**forget_model(self), "_neighbours": ()}

    @property
    def _limits(self) -> Limits:
        return Limits(self.target, self.divergence, self.max_gap, self.stop_on_nonfinite)

    @property
    def _validates(self) -> bool:
        return any_of_validation(self.monitors)

    def _steps_up_to(self, batch: int) -> int:
        """Return the number of steps of this `fit` when a batch of the epoch is done."""
        # A last execution of fewer steps than the others counts as long in `batch`.
        steps = (self.params or {}).get("steps") or batch + 1
        return int(self._progress.first_step + min(batch + 1, steps))

    def _check(self, epoch: int, logs: Mapping[str, Any]) -> None:
        found = [value_of(logs, name) for name in self.monitors]
        values = [value for value in found if value is not None]
        self._logged = self._logged or len(values) == len(found)
        criteria = self._criteria or self._settled(logs)
        if criteria is None or len(values) < len(found) or epoch < self.start_from_epoch:
            return
        with uninterrupted():
            self._judge(
                epoch, criteria, values, value_of(logs, self.monitors[0].removeprefix(VALIDATION))
            )

    def _judge(
        self, epoch: int, criteria: Criteria, values: Sequence[float], in_training: float | None
    ) -> None:
        progress = self._progress
        finite = all(math.isfinite(value) for value in values)
        compared = self._smoothing.averages(values, progress) if finite else tuple(values)
        progress.checks += 1
        progress.wait += 1
        improved = criteria.improves(compared, progress.references)
        gained = criteria.any_improves(compared, progress.bests)
        if improved:
            self._keep(criteria, compared, values, epoch)
        if gained:
            progress.bests = criteria.bests(compared, progress.bests)
        counts = gained if self.improvement == "any" else improved
        if counts and (self.baseline is None or criteria.beats(compared[0], self.baseline)):
            progress.wait = 0
        passed = self._limits.passed(
            progress, criteria, values, compared, in_training, self.patience
        )
        if passed:
            self._stop(epoch, *passed)
        elif not counts and self.wait >= self.patience and (epoch > 0 or progress.checks > 1):
            self._stop(epoch, "patience", self._what_was_missing())

    def _what_was_missing(self) -> str:
        checks = f"{self.wait} {'check' if self.wait == 1 else 'checks'}"
        several = self.improvement == "any" and len(self.monitors) > 1
        where = f" in any of {', '.join(self.monitors)}" if several else ""
        limit = "" if self.baseline is None else f" that also beats baseline={self.baseline:g}"
        return f"{checks} without a gain{where}{limit}"

    def _settled(self, logs: Mapping[str, Any]) -> Criteria | None:
        """Find which way the metrics improve, as soon as the logs show that they exist."""
        directions = directions_of(self.model, self.monitors, self.mode, logs)
        if directions is not None:
            self._criteria = Criteria(directions, self._margin)
            self.monitor_op = keras.ops.less if directions[0] == "min" else keras.ops.greater
        return self._criteria

    def _keep(
        self,
        criteria: Criteria,
        compared: Sequence[float],
        values: Sequence[float],
        epoch: int,
    ) -> None:
        if self.restore_best_weights:
            self._kept.keep(self.model, self._neighbours)
        progress = self._progress
        progress.references = criteria.references(compared, progress.references)
        progress.best, progress.best_epoch, progress.best_step = compared[0], epoch, progress.step
        progress.best_logs = dict(zip(self.monitors, values, strict=True))

    def _why_unchecked(self) -> str:
        """Return why no value was compared, as a further sentence, or nothing if one was."""
        fit = running_fit(self.model)
        if fit is None or self._progress.checks or not self._epochs:
            return ""
        why = why_unchecked(
            self.monitors,
            self.every,
            self.start_from_epoch,
            fit,
            logged=self._logged,
            epochs=self._epochs,
        )
        if not self._logged:
            warnings.warn(f"EarlyStopping compared nothing in this training. {why}", stacklevel=2)
        return f" {why}"

    def _stop(self, epoch: int, reason: str, brief: str) -> None:
        self.stopped_epoch = epoch
        message = f"Stopped in epoch {epoch + 1} ({self.monitors[0]}): {brief}."
        self._progress.end(reason, message, brief)
        self.model.stop_training = True

    def _on_failure(self) -> None:
        kind = sys.exc_info()[0]
        by = kind.__name__ if kind else "an exception"
        message = f"Training was interrupted in epoch {self._epoch + 1} by {by}."
        self._progress.end("interrupted", message, self._progress.brief)
        self._restore()
        self._neighbours = ()

    def _restore(self) -> None:
        with uninterrupted():
            self._restored = self._kept.put_back(self.model)
            if self._restored:
                for other in self._neighbours:  # Of several the last one counts.
                    if isinstance(other, EarlyStopping) and other is not self:
                        other._restored = False
        if self._restored and self.verbose:
            print(
                f"Restored the {self.restore} of epoch {self.best_epoch + 1}: "
                f"{self.monitors[0]} {self.best:g}"
            )
