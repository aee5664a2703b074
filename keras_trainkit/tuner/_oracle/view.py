"""What a trial in another process sees of the oracle, which alone writes."""

from typing import Any

import numpy as np
from keras_tuner.engine.trial import Trial


def seed_of(seed: int, trial_id: str, execution: int | None = None) -> int:
    """Return the seed below 2^31 of a trial's proposal, or of one of its executions."""
    key = (int(trial_id),) if execution is None else (int(trial_id), execution)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0]) >> 1


class View:
    """Stands for the oracle while one trial runs; what it is told it keeps for the oracle.

    Args:
        trial: the trial.
        objective: what is optimized.
        seed: of the search.

    Attributes:
        reports: metrics and steps that the oracle is still to be told.
    """

    verbose = 0

    def __init__(self, trial: Trial, objective: Any, seed: int) -> None:
        self._trial, self.objective, self.seed = trial, objective, seed
        self.reports: list[tuple[dict[str, Any], int]] = []

    def get_trial(self, trial_id: str) -> Trial:
        """Return the trial; there is no other one here."""
        return self._trial

    def seed_of(self, trial_id: str, execution: int | None = None) -> int:
        """Return the seed of one of its executions."""
        return seed_of(self.seed, trial_id, execution)

    def update_trial(self, trial_id: str, metrics: dict[str, Any], step: int = 0) -> Trial:
        """Keep the metrics."""
        self.reports.append(({name: float(value) for name, value in metrics.items()}, step))
        return self._trial
