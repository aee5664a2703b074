"""What a rule looks at, and how a rule is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_trainkit.diagnosis._course import Course
from keras_trainkit.diagnosis.facts import Facts
from keras_trainkit.diagnosis.finding import Finding
from keras_trainkit.diagnosis.history import History
from keras_trainkit.diagnosis.thresholds import Thresholds


@dataclass(frozen=True)
class Case:
    """One training: what was known before it, what was recorded in it, and the limits.

    Args:
        facts: `Facts`, empty where nothing is known.
        limits: `Thresholds`.
        history: `History`, `None` before the training.
        is_running: bool. Whether the training goes on, so that its end is not known yet.
    """

    facts: Facts
    limits: Thresholds
    history: History | None = None
    is_running: bool = False

    @cached_property
    def course(self) -> Course | None:
        """How the gradients went; `None` where none were recorded."""
        history = self.history
        return Course(history) if history is not None and len(history.steps) else None

    @cached_property
    def share_done(self) -> float:
        """Which share of the planned epochs has been trained; 1 if it is not known."""
        planned, logs = self.facts.plan.epochs, self.history.logs if self.history else {}
        if not planned:
            return 1.0
        # A long record has forgotten some of its epochs, never the first one.
        epochs = np.asarray(logs.get("epoch", []))
        return (float(epochs[-1] - epochs[0]) + 1) / planned if len(epochs) else 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing comes that could still turn out well."""
        return not self.is_running or self.share_done >= 1


# A rule is a function of a case that yields what it finds, and nothing where it knows too little.
Rule = Callable[[Case], Iterator[Finding]]
