"""Trials of a search trained again with other seeds: what their values are worth without luck."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus


@dataclass(frozen=True)
class Repeated:
    """A trial of a search and what came of training it again.

    Args:
        trial: `keras_tuner` trial; its `score` is that of the search.
        scores: the objective of each training, NaN where it has diverged.
    """

    trial: Trial
    scores: tuple[float, ...]

    @property
    def hyperparameters(self) -> HyperParameters:
        """The values of the trial."""
        return self.trial.hyperparameters

    @property
    def mean(self) -> float:
        """Mean of the scores."""
        return statistics.fmean(self.scores)

    @property
    def std(self) -> float:
        """Standard deviation of the scores over n - 1; NaN for one score."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else math.nan

    def __repr__(self) -> str:
        """Return the numbers in one line."""
        return (
            f"Repeated(trial {self.trial.trial_id}: {self.mean:.4g} +- {self.std:.2g} in "
            f"{len(self.scores)} trainings, {self.trial.score:.4g} in the search)"
        )


def repeated(
    tuner: Any, trials: Iterable[Trial], repeats: int, args: tuple, kwargs: dict[str, Any]
) -> list[Repeated]:
    """Train trials again with seeds that they have not had; return them, the best mean first.

    Args:
        tuner: `Tuner` of this package.
        trials: those of its trials that are to be trained again.
        repeats: int >= 1. How often each.
        args: for each training, as of `search`.
        kwargs: for each training, as of `search`.
    """
    first, sign = tuner.executions_per_trial, 1 if tuner.oracle.objective.direction == "min" else -1
    numbers = range(first, first + repeats)
    found = [
        Repeated(trial, tuple(_score(tuner, trial, number, args, kwargs) for number in numbers))
        for trial in trials
    ]
    return sorted(found, key=lambda each: (math.isnan(each.mean), sign * each.mean))


def _score(tuner: Any, trial: Trial, number: int, args: tuple, kwargs: dict[str, Any]) -> float:
    """Return the objective of the execution with a number that the search has not come to."""
    again = Trial(trial.hyperparameters.copy(), trial.trial_id, TrialStatus.RUNNING)
    copied = tuner._seeing(again)
    copied.executions_per_trial, copied.diagnose = 1, False
    outcome = copied._attempt(again, None, args, kwargs, first=number)
    if outcome.status == TrialStatus.FAILED:
        return math.nan
    if outcome.status != TrialStatus.COMPLETED:
        raise RuntimeError(f"Trial {trial.trial_id} cannot be trained again: {outcome.message}")
    ((metrics, _),) = outcome.reports
    return float(tuner.oracle.objective.get_value(metrics))
