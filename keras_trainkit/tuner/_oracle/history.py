"""What Optuna is told of a search: a study in memory, made anew from KerasTuner's trials."""

import logging
import math
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from keras_tuner.engine.trial import Trial, TrialStatus
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, create_trial

from keras_trainkit.tuner._oracle.distributions import Parameter

# From a seed, a sampler that has proposed nothing yet.
Sampler = Callable[[int], BaseSampler]


def random_sampler(seed: int) -> BaseSampler:
    """Return a sampler that draws every value by itself."""
    return RandomSampler(seed)


def tpe_sampler(seed: int, initial_points: int) -> BaseSampler:
    """Return a tree-structured Parzen estimator that draws its first proposals at random."""
    with warnings.catch_warnings():
        # Without groups, it would draw by itself each value that is not in all trials.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Until Optuna 6, for which `gamma` is announced to go.
        warnings.simplefilter("ignore", FutureWarning)
        return TPESampler(
            seed=seed, n_startup_trials=initial_points, gamma=count_of_best, group=True
        )


def count_of_best(trials: int) -> int:
    """Return how many of the trials the estimator takes for good: a quarter, at most 25.

    Of Optuna's tenth there are two in the first twenty trials, and two say little of where
    trainings fail.
    """
    return min(math.ceil(trials / 4), 25)


def study(
    trials: list[Trial], space: list[Parameter], direction: str, sampler: BaseSampler
) -> optuna.Study:
    """Return a study that knows the trials and asks the sampler.

    Args:
        trials: the trials in their order.
        space: the parameters that are searched.
        direction: `"min"` or `"max"`, what is done to scores.
        sampler: what proposes.
    """
    made = silent_study(direction, sampler)
    for trial, value in zip(trials, values_told(trials, direction), strict=True):
        if value is not None:
            made.add_trial(_frozen(trial.hyperparameters.values, space, value))
    return made


def proposal(asked: optuna.trial.Trial, space: list[Parameter]) -> dict[str, Any]:
    """Return values for the space: of each hyperparameter that those before it make active."""
    values: dict[str, Any] = {}
    for each in space:
        name = each.hyperparameter.name
        if name not in values and each.is_active(values):
            values[name] = each.drawn(asked)
    return values


def values_told(trials: list[Trial], direction: str) -> list[float | None]:
    """Return what stands for each trial in the study.

        finished                           its score
        failed, or its score not finite    the worst finite score, and as far again as from the best
        running                            the worst finite score

    `None` stands for all of them as long as there is no finite score.
    """
    scores = [trial.score for trial in trials if _has_score(trial)]
    if not scores:
        return [None] * len(trials)
    low, high = min(scores), max(scores)
    worst, sign = (high, 1) if direction == "min" else (low, -1)
    failure = worst + sign * (high - low or abs(worst) or 1.0)

    def told(trial: Trial) -> float | None:
        if _has_score(trial):
            return trial.score
        return worst if trial.status == TrialStatus.RUNNING else failure

    return [told(trial) for trial in trials]


def _has_score(trial: Trial) -> bool:
    return (
        trial.status == TrialStatus.COMPLETED
        and trial.score is not None
        and math.isfinite(trial.score)
    )


def _frozen(values: dict[str, Any], space: list[Parameter], score: float) -> FrozenTrial:
    """Return a finished trial of Optuna's, with the parameters that are active under the values."""
    names: set[str] = set()
    given: dict[str, Any] = {}
    for each in space:
        name = each.hyperparameter.name
        if name in values and name not in names and each.is_active(values):
            names.add(name)
            given[each.name] = each.of(values[name])
    sources = {each.name: each.distribution for each in space if each.distribution}
    known = {name: value for name, value in given.items() if value is not None}
    return create_trial(
        value=score, params=known, distributions={name: sources[name] for name in known}
    )


def silent_study(
    direction: str, sampler: BaseSampler, pruner: BasePruner | None = None
) -> optuna.Study:
    """Return an empty study, of which Optuna would tell on the screen at each proposal."""
    name = str(uuid.uuid4())
    log = logging.getLogger("optuna.storages._in_memory")

    def is_of_others(record: logging.LogRecord) -> bool:
        return name not in record.getMessage()

    log.addFilter(is_of_others)
    try:
        return optuna.create_study(
            study_name=name,
            direction="minimize" if direction == "min" else "maximize",
            sampler=sampler,
            pruner=pruner or NopPruner(),
        )
    finally:
        log.removeFilter(is_of_others)
