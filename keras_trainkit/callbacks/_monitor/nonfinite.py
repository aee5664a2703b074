"""The first step of a training whose numbers are not finite, and its cause."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_trainkit.callbacks._monitor.record import Step
from keras_trainkit.diagnosis import NonFinite
from keras_trainkit.diagnosis.history import STATISTICS, layer_of

MOST_EVENTS = 20


class Watch:
    """Looks at each measured step for numbers that are not finite.

    Only the first of several broken steps in a row makes an event: the others follow from it.

    Args:
        loss_scaled: bool. Whether the optimizer leaves out steps whose gradients overflow.
    """

    def __init__(self, loss_scaled: bool) -> None:
        self._loss_scaled = loss_scaled
        self._since = -1
        self._broken = False
        self._count = 0

    def look(
        self, step: Step, first_step: int, names: Sequence[str], action: str
    ) -> NonFinite | None:
        """Return what is new about the step; `first_step` is the first of its epoch.

        `action` is what will be done about a broken training; nothing, if the step is left out.
        """
        column = {name: step.rows[:, i] for i, name in enumerate(STATISTICS)}
        gradients, weights = column["nonfinite"] > 0, np.isinf(column["weight_norm"])
        if not (gradients.any() or weights.any()):
            self._since, self._broken = step.step, False
            return None
        if self._broken or self._count >= MOST_EVENTS:
            return None
        self._count += 1
        left_out = not np.nan_to_num(column["update_norm"]).any() and not weights.any()
        self._broken = not left_out
        cause = self._cause(step, weights, left_out)
        return NonFinite(
            step=step.step,
            since=self._since,
            epoch=step.epoch,
            batch=step.step - first_step,
            cause=cause,
            layer=_layer(cause, names, gradients, weights),
            variables=tuple(np.array(names)[: len(gradients)][gradients].tolist()),
            example=_first_broken(step.facts),
            action="record" if left_out else action,
        )

    def mended(self) -> None:
        """Take the training for finite again."""
        self._broken = False

    def _cause(self, step: Step, weights: np.ndarray, left_out: bool) -> str:
        if step.facts["broken_examples"] > 0:
            return "data"
        if weights.any():
            return "weights"
        if left_out and self._loss_scaled:
            return "overflow"
        return "forward" if step.facts["loss_broken"] > 0 else "backward"


def _first_broken(facts: Mapping[str, float]) -> int:
    """Return the example's position if it is among those of the first replica, else -1."""
    known = facts["broken_here"] == facts["broken_examples"] > 0
    return int(facts["first_broken"]) if known else -1


def _layer(cause: str, names: Sequence[str], gradients: np.ndarray, weights: np.ndarray) -> str:
    """Return the layer where it begins: gradients break from the output to the input."""
    if cause == "weights":
        return layer_of(names[int(np.argmax(weights))])
    if cause in ("backward", "overflow"):
        return layer_of(names[int(np.flatnonzero(gradients)[-1])])
    return ""
