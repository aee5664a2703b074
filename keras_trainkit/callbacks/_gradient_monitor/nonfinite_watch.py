"""The first step of a training whose numbers are not finite, and its cause."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from keras_trainkit.callbacks._gradient_monitor.step import Step
from keras_trainkit.diagnosis import NonFinite
from keras_trainkit.diagnosis.history import STATISTICS, layer_of


class Watch:
    """Looks at each measured step for numbers that are not finite.

    Of several broken steps in a row only the first makes an event: the others follow from it.

    Args:
        loss_scaled: bool. Whether the optimizer leaves out steps whose gradients overflow.
        accumulates: bool. Whether a broken gradient may reach the weights in a later step.

    Attributes:
        left_out: bool. Whether the optimizer left out the step of the latest event.
    """

    def __init__(self, loss_scaled: bool = False, accumulates: bool = False) -> None:
        self.left_out = False
        self._loss_scaled = loss_scaled
        self._accumulates = accumulates
        self._since = self._latest = -1
        self._broken = False
        self._epoch = -1
        self._loss_broken = False

    @classmethod
    def of(cls, optimizer: keras.optimizers.Optimizer | None) -> "Watch":
        """Return one that knows what the optimizer does with gradients that are not finite."""
        rule = getattr(optimizer, "inner_optimizer", optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        skips = scaled or getattr(rule, "skip_nonfinite", False)
        accumulates = bool(getattr(rule, "gradient_accumulation_steps", None))
        return cls(scaled, accumulates and not skips)

    def look(self, step: Step, first_step: int, names: Sequence[str]) -> NonFinite | None:
        """Return what is new about the step; `first_step` is the first of its epoch."""
        column = {name: step.rows[:, i] for i, name in enumerate(STATISTICS)}
        gradients, weights = column["nonfinite"] > 0, np.isinf(column["weight_norm"])
        loss_broke, self._latest = self._loss_broke(step), step.step
        if not (gradients.any() or weights.any()):
            self._since, self._broken = step.step, False
            return None
        if self._broken:
            return None
        moved = np.nan_to_num(column["update_norm"]).any()
        self.left_out = not (moved or weights.any() or self._accumulates)
        self._broken = not self.left_out
        cause = self._cause(step, bool(weights.any()), loss_broke)
        return NonFinite(
            step=step.step,
            since=self._since,
            epoch=step.epoch,
            batch=step.step - first_step,
            cause=cause,
            layer=_layer(cause, names, gradients, weights),
            variables=tuple(np.array(names)[: len(gradients)][gradients].tolist()),
            example=_first_broken(step.facts),
        )

    def mended(self) -> None:
        """Take the training for finite again after the latest step."""
        self._since, self._broken, self._loss_broken = self._latest, False, False

    def _loss_broke(self, step: Step) -> bool:
        """Return whether the loss broke since the last look.

        It is a mean over the epoch, which stays broken when a step is left out.
        """
        before = self._loss_broken and step.epoch == self._epoch
        self._epoch, self._loss_broken = step.epoch, step.facts["loss_broken"] > 0
        return self._loss_broken and not before

    def _cause(self, step: Step, weights_broken: bool, loss_broke: bool) -> str:
        if step.facts["broken_examples"] > 0:
            return "data"
        if weights_broken:
            return "weights"
        if loss_broke:
            return "forward"
        if self.left_out and self._loss_scaled:
            return "overflow"
        return "forward" if self._loss_broken else "backward"


def _first_broken(facts: Mapping[str, float]) -> int:
    """Return the example's position if it is among those of the first replica, else -1."""
    known = facts["broken_here"] == facts["broken_examples"] > 0
    return int(facts["first_broken"]) if known else -1


def _layer(cause: str, names: Sequence[str], gradients: np.ndarray, weights: np.ndarray) -> str:
    """Return the layer where it begins: gradients break from the output to the input.

    Of weights that are broken in several layers the first to break is not known.
    """
    if cause == "weights":
        layers = {layer_of(names[int(i)]) for i in np.flatnonzero(weights)}
        return layers.pop() if len(layers) == 1 else ""
    if cause in ("backward", "overflow"):
        return layer_of(names[int(np.flatnonzero(gradients)[-1])])
    return ""
