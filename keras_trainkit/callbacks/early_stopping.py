"""Early stopping that gives the best weights back however `fit` ends."""

import math
import warnings
from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit.callbacks._fit_guard import guard_fit, when_fit_fails
from keras_trainkit.callbacks._metric_direction import metric_direction


class EarlyStopping(keras.callbacks.Callback):
    """Stop when a metric no longer improves, and give back the weights of its best epoch.

        improvement: current + min_delta < best    ("min")    current - min_delta > best    ("max")
        stop:        `patience` checks in a row without an improvement

    A check is an epoch that has the metric, so with `validation_freq=5` a patience of 2 is ten
    epochs. The best weights are those the model held when the best value was measured. They come
    back when `fit` ends, whether by itself, by this callback, by Ctrl-C or by an exception in a
    step, the data, the validation or another callback. NaN and infinity are never an improvement.

    Args:
        monitor: str. Name of a scalar in the epoch's logs. Defaults to `"val_loss"`.
        min_delta: float >= 0, in the metric's unit. What a value must gain on the best one to be
            an improvement. Defaults to `0`.
        patience: int >= 0. Checks without an improvement after which training stops; 0 and 1 are
            the same. Defaults to `0`.
        verbose: 0 (silent) or 1 (say when training stops and what is restored). Defaults to `0`.
        mode: "min", "max", or "auto": the direction that Keras gives the metric.
            Defaults to `"auto"`.
        baseline: float or `None`. Only improvements that also improve on this value reset the
            count of checks. Defaults to `None`.
        restore_best_weights: bool. Give the best weights back. Defaults to `True`.
        start_from_epoch: int >= 0. First epoch (0-based) that is checked. Defaults to `0`.

    Attributes:
        best: float or `None`. Best value so far.
        best_epoch: int. Epoch (0-based) of the best value.
        best_weights: list of arrays or `None`. `model.get_weights()` at the best epoch.
        wait: int. Checks since the last improvement.
        stopped_epoch: int. Epoch (0-based) at which this callback stopped training, else 0.

    Raises:
        ValueError: if an argument is outside its interval; at the end of the first epoch, if
            `mode="auto"` and Keras knows no direction for the metric.

    Differs from Keras: weights are restored by default, and also when `fit` raises; a NaN is not
    kept as the best value; a missing metric is reported once, not every epoch; a wrong `mode` or a
    negative `min_delta` is an error. As in Keras, a moving average of the weights that `use_ema`
    puts in place when `fit` ends gives way to the best weights, which were measured without it.
    In a loop that does not run `keras.Model.fit` nothing is restored when it raises. On JAX a step
    that fails while it runs leaves the optimizer without its state; `compile` gives a new one.

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

    Reference: Goodfellow, I., Bengio, Y. & Courville, A. (2016), Deep Learning, Algorithm 7.1.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Guard `fit` also for an instance that was copied or unpickled, not constructed."""
        guard_fit()
        return super().__new__(cls)

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__()
        if not isinstance(monitor, str):
            raise _validation.invalid("monitor", "the name of a metric", monitor)
        self.monitor = monitor
        self.min_delta = _validation.real("min_delta", min_delta, low=0.0)
        self.patience = _validation.integer("patience", patience, low=0)
        self.verbose = _validation.one_of("verbose", verbose, (0, 1))
        self.mode = _validation.one_of("mode", mode, ("auto", "min", "max"))
        self.baseline = None if baseline is None else _validation.real("baseline", baseline)
        self.restore_best_weights = _validation.boolean(
            "restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = _validation.integer("start_from_epoch", start_from_epoch, low=0)
        self._reset()

    def _reset(self) -> None:
        self.monitor_op: Any = None
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None
        self._reported_missing = False

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Forget the last `fit`."""
        self._reset()
        if self.restore_best_weights:
            when_fit_fails(self.model, self._restore)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Check the epoch's value; keep the weights if it is the best, stop if patience is out."""
        if self.monitor_op is None:
            self.monitor_op = self._comparison(logs or {})
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._improves(current, self.best):
            self._keep(current, epoch)
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Give the best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: stopped, {self.wait} checks without a gain")
        if self.restore_best_weights:
            self._restore()

    def get_monitor_value(self, logs: Mapping[str, Any] | None) -> float | None:
        """Return the monitored value of an epoch, or `None` where the epoch has none."""
        logs = logs or {}
        if self.monitor in logs:
            value = np.asarray(logs[self.monitor])
            if value.size != 1:
                raise _validation.invalid("monitor", "the name of a scalar", self.monitor)
            return float(value.item())
        if not self._reported_missing:
            self._reported_missing = True
            warnings.warn(
                f"EarlyStopping does not find `{self.monitor}` among the epoch's metrics: "
                f"{', '.join(sorted(logs))}. Epochs without it are not checked.",
                stacklevel=2,
            )
        return None

    def _comparison(self, logs: Mapping[str, Any]) -> Any:
        """Return `keras.ops.less` or `keras.ops.greater`: what a better value is to a worse one."""
        direction = self.mode
        if direction == "auto":
            direction = metric_direction(self.model, self.monitor)
        if direction is None:
            raise _validation.invalid(
                "mode",
                f'"min" or "max" for monitor={self.monitor!r}, whose direction Keras does not know '
                f"(the epoch's metrics are {', '.join(sorted(logs))})",
                self.mode,
            )
        return keras.ops.less if direction == "min" else keras.ops.greater

    def _improves(self, current: float, reference: float | None) -> bool:
        if not math.isfinite(current):
            return False
        if reference is None:
            return True
        if self.monitor_op is keras.ops.less:
            return current + self.min_delta < reference
        return current - self.min_delta > reference

    def _keep(self, current: float, epoch: int) -> None:
        self.best = current
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
        if self.baseline is None or self._improves(current, self.baseline):
            self.wait = 0

    def _restore(self) -> None:
        if self.best_weights is None:
            return
        self.model.set_weights(self.best_weights)
        if self.verbose:
            print(
                f"Restored the weights of epoch {self.best_epoch + 1}: {self.monitor} {self.best:g}"
            )
