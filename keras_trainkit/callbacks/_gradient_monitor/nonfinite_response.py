"""What is done about a training whose numbers are not finite."""

import contextlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from keras_trainkit.callbacks._gradient_monitor.nonfinite_watch import Watch
from keras_trainkit.callbacks._gradient_monitor.step import Step
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    build_optimizer,
    state_optimizers,
    state_variables,
    values_of,
)
from keras_trainkit.diagnosis import NonFinite

CUT = 0.5
MOST_CUTS = 10


class Rollback:
    """A copy of a model's and its optimizers' variables in the memory of the host.

    Attributes:
        cuts: integer. How often the learning rate was halved.
    """

    def __init__(self) -> None:
        self._values: list[np.ndarray] | None = None
        self.cuts = 0

    def save(self, model: keras.Model) -> None:
        """Copy all variables if they are finite."""
        values = list(values_of(state_variables(model)))
        if all(np.isfinite(v).all() for v in values if _is_floating(v)):
            self._values = values

    def restore(self, model: keras.Model, cut: bool) -> bool:
        """Go back, with half the present learning rate if `cut`; return whether it was possible.

        The means of the epoch's metrics begin anew. A learning rate that a schedule gives stays.
        """
        variables, optimizers = state_variables(model), state_optimizers(model)
        if self._values is None or len(self._values) != len(variables) or self.cuts >= MOST_CUTS:
            return False
        rates = [float(keras.ops.convert_to_numpy(o.learning_rate)) for o in optimizers]
        assign(variables, self._values)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            with contextlib.suppress(TypeError, AttributeError):  # The rate of a schedule.
                optimizer.learning_rate = CUT * rate if cut else rate
        self.cuts += cut
        model.reset_metrics()
        return True

    def __getstate__(self) -> dict:
        """Leave the copy, which is as large as the model."""
        return {**vars(self), "_values": None}


def _is_floating(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" or values.dtype.name == "bfloat16"


MOST_EVENTS = 20


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
        self.due, self.suspicious = state["due"], state["suspicious"]
        self._fetch_every, self._warned = state["fetch_every"], state["warned"]
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
