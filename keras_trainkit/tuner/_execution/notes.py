"""What a trial leaves besides its score, and how it ended."""

import math
from dataclasses import dataclass, field
from typing import Any

from keras_tuner import HyperParameters


@dataclass
class Notes:
    """What a trial leaves besides its score.

    Attributes:
        curves: for each execution the logs of all epochs: name of a metric to list of numbers.
        checkpoint: content of the weights' file at the best epoch of all executions.
        build_config: what builds the model again without a batch.
        reason: why training ended early, `None` if it did not.
        pruned: whether the pruner has ended it.
        has_failed: whether the trial counts as failed, whatever its score was before.
        marks: what the pruner has noted of the trial.
    """

    curves: list[dict[str, list[float]]] = field(default_factory=list)
    checkpoint: bytes | None = None
    build_config: dict[str, Any] | None = None
    reason: str | None = None
    pruned: bool = False
    has_failed: bool = False
    marks: dict[str, Any] = field(default_factory=dict)

    def stop(self, reason: str, *, pruned: bool = False, has_failed: bool = False) -> None:
        """Note why training ends here."""
        self.reason, self.pruned, self.has_failed = reason, pruned, has_failed

    def as_record(self) -> dict[str, Any]:
        """Return what is written down of it; numbers that are not finite are `None`."""
        curves = [
            {name: [v if math.isfinite(v) else None for v in values] for name, values in c.items()}
            for c in self.curves
        ]
        return {"executions": curves, "pruned": self.pruned, "marks": self.marks}


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Args:
        status: `COMPLETED`, `FAILED`, or `INVALID` if it may run again.
        message: why it has failed or was stopped.
        hyperparameters: with those that the trial has asked for.
        reports: metrics and steps of which the oracle does not know yet.
        notes: what else it leaves.
    """

    status: str
    message: str | None
    hyperparameters: HyperParameters
    reports: list[tuple[dict[str, Any], int]]
    notes: Notes
