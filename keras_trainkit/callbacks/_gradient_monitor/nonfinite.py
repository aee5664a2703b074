"""Numbers that are not finite: the first step that has them, its cause, and what is done."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from keras_trainkit.callbacks._gradient_monitor.record import Step
from keras_trainkit.callbacks._gradient_monitor.rollback import Rollback
from keras_trainkit.callbacks._training_state.variables import build_optimizer
from keras_trainkit.diagnosis import NonFinite
from keras_trainkit.diagnosis.history import STATISTICS, layer_of

MOST_EVENTS = 20


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


class Response:
    """Looks at every measured step of one training, and does what `on_nonfinite` says.

    Steps that the optimizer left out are only recorded. Of these, and of the others, the first
    `MOST_EVENTS` are kept; all are acted upon. After a rollback the training is looked at twice as
    often, so that a batch which comes again and again costs ever fewer steps.

    Args:
        action: string, `"record"`, `"stop"` or `"rollback"`.
        fetch_every: integer >= 1. Calls of the train function between two looks.
        watch: `Watch`.

    Attributes:
        due: integer. The next look comes after so many calls.
        suspicious: bool. Whether every step should be measured.
    """

    def __init__(self, action: str, fetch_every: int, watch: Watch) -> None:
        # A rollback needs a first copy of the variables, some of which the first step may create.
        self.due = 1 if action == "rollback" else fetch_every
        self.suspicious = False
        self._action = action
        self._fetch_every = fetch_every
        self._watch = watch
        self._rollback = Rollback()
        self._kept: list[NonFinite] = []
        self._counts: Counter[bool] = Counter()
        self._unanswered: list[tuple[NonFinite, bool]] = []
        self._warned = False

    @property
    def events(self) -> tuple[NonFinite, ...]:
        """The events so far."""
        return (*self._kept, *(event for event, _ in self._unanswered))

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed training needs, but the copy that each epoch makes anew."""
        return {
            "due": self.due,
            "suspicious": self.suspicious,
            "fetch_every": self._fetch_every,
            "cuts": self._rollback.cuts,
            "watch": dict(vars(self._watch)),
            "events": [asdict(event) for event in self._kept],
            "counts": [self._counts[False], self._counts[True]],
            "warned": self._warned,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        # The session holds no more calls than this monitor asks for.
        self.due = min(state["due"], self._fetch_every)
        self._fetch_every = min(state["fetch_every"], self._fetch_every)
        self.suspicious, self._warned = state["suspicious"], state["warned"]
        self._rollback.cuts = state["cuts"]
        vars(self._watch).update(state["watch"])
        self._kept = [NonFinite(**event) for event in state["events"]]
        self._counts = Counter(dict(zip((False, True), state["counts"], strict=True)))

    def begin_epoch(self, host: keras.callbacks.Callback) -> None:
        """Copy the variables if it may be needed."""
        if self._action == "rollback":
            build_optimizer(host.model)
            self._rollback.save(host.model)

    def look(self, step: Step, first_step: int, names: Sequence[str]) -> None:
        """Note what is new about the step; `first_step` is the first of its epoch."""
        event = self._watch.look(step, first_step, names)
        if event:
            self._unanswered.append((event, self._watch.left_out))

    def answer(self, host: keras.callbacks.Callback) -> None:
        """Act on what was noted; `host.model` is asked for only where JAX must give it back."""
        noted, self._unanswered = self._unanswered, []
        broken = [event for event, left_out in noted if not left_out]
        action = self._act(broken, host)
        for event, left_out in noted:
            self._keep(event if left_out else replace(event, action=action), left_out)
        self.due = self._fetch_every

    def _act(self, broken: Sequence[NonFinite], host: keras.callbacks.Callback) -> str:
        """Return what was done."""
        if self._action == "rollback":
            if not broken:
                self._rollback.save(host.model)
            elif self._rollback.restore(
                host.model, cut=any(event.cause != "data" for event in broken)
            ):
                self._watch.mended()
                self._fetch_every = max(1, self._fetch_every // 2)
                self.suspicious = True
                return "rollback"
        if broken and self._action != "record":
            host.model.stop_training = True
            return "stop"
        return "record"

    def _keep(self, event: NonFinite, left_out: bool) -> None:
        self._counts[left_out] += 1
        if self._counts[left_out] > MOST_EVENTS:
            return
        self._kept.append(event)
        if not (left_out or (self._warned and self._action == "record")):
            self._warned = True
            warnings.warn(str(event), stacklevel=2)


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
