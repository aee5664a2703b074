"""What a rule looks at, and how a rule is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

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
    """

    facts: Facts
    limits: Thresholds
    history: History | None = None

    @cached_property
    def course(self) -> Course | None:
        """How the gradients went; `None` where none were recorded."""
        history = self.history
        return Course(history) if history is not None and len(history.steps) else None


# A rule is a function of a case that yields what it finds, and nothing where it knows too little.
Rule = Callable[[Case], Iterator[Finding]]
