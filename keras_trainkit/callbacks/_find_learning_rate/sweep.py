"""The callback that raises the learning rate from step to step."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit.callbacks._find_learning_rate.curve import count_apart, limit, trailing
from keras_trainkit.callbacks._find_learning_rate.restored_model import (
    BuildFirst,
    ModelSnapshot,
    is_built,
)

# Share of the sweep that must lie apart from a point that diverges, to know the noise by.
SHARE_APART = 0.2


class Sweep(keras.callbacks.Callback):
    """Trains with one learning rate after the other, and records the loss of each.

    A point is one call of the train function, or as many as the optimizer accumulates gradients
    over. Its loss is that before the update.

    Args:
        learning_rates: array of shape `(points,)`.
        smoothing: float >= 0. Width of the smoothing in decades.
        divergence: float > 1. How many times the best loss ends the sweep; it may be infinite.
        snapshot: what `fit` builds is added to it.
        optimizer: the optimizer whose rate is raised.

    Attributes:
        losses: list of floats, finite.
        ending: str. "end", "diverged" or "nonfinite"; empty while the sweep is not over.
        limit: float. Smoothed loss beyond which training diverges.
    """

    def __init__(
        self,
        learning_rates: np.ndarray,
        smoothing: float,
        divergence: float,
        snapshot: ModelSnapshot,
        optimizer: Any,
    ) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.ending, self.limit = "", math.inf
        self._learning_rates = learning_rates
        self._smoothing, self._divergence = smoothing, divergence
        self._trailing: list[float] = []
        self._of_point: list[float] = []
        self._snapshot, self._optimizer = snapshot, optimizer

    @property
    def points(self) -> int:
        """How many learning rates there are."""
        return len(self._learning_rates)

    def calls_per_point(self, model: keras.Model) -> int:
        """Return how many calls of the train function it takes to an update of the weights."""
        batches = self._optimizer.gradient_accumulation_steps or 1
        return math.ceil(batches / model.steps_per_execution)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Keep what `fit` has built, or build it."""
        model = self.model
        self._calls = self.calls_per_point(model)
        if is_built(model):
            self._snapshot.add_built()
        else:
            BuildFirst(model, self._snapshot.add_built)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set the learning rate, and let the logged mean begin anew."""
        model = self.model  # On JAX reading it brings the variables up to date.
        self._optimizer.learning_rate = float(self._learning_rates[len(self.losses)])
        model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the loss; stop if it diverges."""
        logs = logs or {}
        if "loss" not in logs:
            expected = 'what a `train_step` returns with a "loss" in it'
            raise _validation.invalid("logs", expected, sorted(logs))
        self._of_point.append(float(logs["loss"]))
        if len(self._of_point) < self._calls and math.isfinite(self._of_point[-1]):
            return
        self._add(float(np.mean(self._of_point)))
        self._of_point = []
        self.model.stop_training = bool(self.ending)

    def _add(self, loss: float) -> None:
        if not math.isfinite(loss):
            if not self.losses:
                raise _validation.invalid("loss", "finite before the first update", loss)
            self.ending = "nonfinite"
            return
        self.losses.append(loss)
        rates, losses = self._learning_rates[: len(self.losses)], np.array(self.losses)
        self._trailing.append(trailing(rates, losses, self._smoothing))
        apart = count_apart(rates, self._smoothing)
        self.limit = limit(max(losses[: apart or 1]), min(self._trailing), self._divergence)
        if self._trailing[-1] > self.limit and apart >= SHARE_APART * self.points:
            self.ending = "diverged"
        elif len(self.losses) == self.points:
            self.ending = "end"
