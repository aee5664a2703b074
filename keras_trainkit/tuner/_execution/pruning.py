"""Trials that are stopped early because others were better at the same epoch.

What others there are is fixed when a trial begins, so that a trial is a function of what it is
given, in whatever process it runs. Trials that train epoch by epoch together see each other too.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import optuna
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalValueError
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from keras_trainkit._validation import invalid
from keras_trainkit.tuner._execution.callbacks import Check
from keras_trainkit.tuner._execution.notes import Notes
from keras_trainkit.tuner._oracle.history import random_sampler, silent_study

# Trials that train to their end, and epochs of each other one, before the median rule stops any.
MEDIAN_TRIALS, MEDIAN_EPOCHS = 5, 2
# One in so many goes on.
FACTOR = 4
PRUNED = (
    "Stopped after epoch {epoch} by {pruner}: `{name}` was {value:.4g}, rank {rank} of {count} "
    "trials that came as far."
)


class FixedEpochsPruner(BasePruner):
    """Lets the best one in `factor` trials train on after a number of epochs.

    Args:
        epochs: int >= 1.
        factor: int >= 2. Defaults to 4.

    Reference: Egele et al. (2023), Is one epoch all you need for multi-fidelity hyperparameter
        optimization?, arXiv:2307.15422.
    """

    def __init__(self, epochs: int, factor: int = FACTOR) -> None:
        self.epochs, self.factor = epochs, factor

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether the trial has come to the epoch and is not among the best there."""
        if trial.last_step != self.epochs:
            return False
        minimize = study.direction == optuna.study.StudyDirection.MINIMIZE
        values = _at(self.epochs, study.get_trials(deepcopy=False))
        mine = trial.intermediate_values[self.epochs]
        better = sum(value < mine if minimize else value > mine for value in values)
        return better >= max(len(values) // self.factor, 1)


@dataclass(frozen=True)
class Judge:
    """What decides whether a trial goes on.

    Args:
        pruner: one of Optuna's.
        objective: `keras_tuner.Objective`.
        others: the trials that have ended.
    """

    pruner: BasePruner
    objective: Any
    others: list[FrozenTrial]

    def check(self, notes: Notes) -> Check:
        """Return the check that asks the pruner."""
        study = silent_study(self.objective.direction, random_sampler(0), self.pruner)
        study.add_trials(self.others)
        trial = study.ask()

        def check(epoch: int, logs: dict[str, Any]) -> None:
            if not self.objective.has_value(logs):
                raise _nothing_to_compare(self.objective, logs)
            value = float(self.objective.get_value(logs))
            trial.report(value, epoch)
            if trial.should_prune():
                notes.stop(self._reason(epoch, value), pruned=True)
            notes.marks = dict(study.get_trials(deepcopy=False)[-1].system_attrs)

        return check

    def beside(self, running: Iterable[tuple[Notes, list[dict[str, Any]]]]) -> "Judge":
        """Return what compares with trials that run too, each with its notes and all its logs."""
        others = [_running(notes, logs, self.objective) for notes, logs in running]
        return replace(self, others=[*self.others, *others])

    def _reason(self, epoch: int, value: float) -> str:
        values = _at(epoch, self.others)
        minimize = self.objective.direction == "min"
        better = sum(other < value if minimize else other > value for other in values)
        return PRUNED.format(
            epoch=epoch,
            pruner=type(self.pruner).__name__,
            name=self.objective.name,
            value=value,
            count=len(values) + 1,
            rank=better + 1,
        )


class JudgeAmongRunning:
    """Decides whether a trial goes on beside others that train epoch by epoch with it.

    Args:
        judge: returns what judges the trial after this epoch.
    """

    def __init__(self, judge: Callable[[], Judge]) -> None:
        self._judge = judge

    def check(self, notes: Notes) -> Check:
        """Return the check that asks the pruner, with the others as they are by then."""
        behind: list[dict[str, Any]] = []

        def check(epoch: int, logs: dict[str, Any]) -> None:
            behind.append(logs)
            now = Notes()
            ask = self._judge().check(now)
            for number, each in enumerate(behind, start=1):
                now.reason = None
                ask(number, each)
            notes.marks = now.marks
            if now.reason is not None:
                notes.stop(now.reason, pruned=True)

        return check


def checked(pruner: Any) -> BasePruner | None:
    """Return what a user's `pruner` stands for, or raise."""
    if pruner is None or isinstance(pruner, BasePruner):
        return pruner
    if isinstance(pruner, int) and not isinstance(pruner, bool) and pruner >= 1:
        return FixedEpochsPruner(pruner)
    if pruner == "median":
        return MedianPruner(n_startup_trials=MEDIAN_TRIALS, n_warmup_steps=MEDIAN_EPOCHS)
    if pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=FACTOR)
    requirement = "an integer >= 1, 'median', 'halving', a pruner of Optuna's, or None"
    raise invalid("pruner", requirement, pruner)


def judge(
    pruner: BasePruner, objective: Any, trials: Iterable[tuple[Trial, dict[str, Any]]]
) -> Judge:
    """Return what decides, from trials that have ended and what is recorded of them."""
    others = [_frozen(trial, record, objective) for trial, record in trials]
    return Judge(pruner, objective, [other for other in others if other.intermediate_values])


def _frozen(trial: Trial, record: dict[str, Any], objective: Any) -> FrozenTrial:
    """Return a trial of Optuna's with the values of its first execution."""
    state = TrialState.COMPLETE if trial.status == TrialStatus.COMPLETED else TrialState.FAIL
    return create_trial(
        state=TrialState.PRUNED if record.get("pruned") else state,
        value=trial.score if state == TrialState.COMPLETE else None,
        intermediate_values=_values(record, objective),
        system_attrs=record.get("marks", {}),
    )


def _running(notes: Notes, logs: list[dict[str, Any]], objective: Any) -> FrozenTrial:
    """Return a trial of Optuna's that has not ended."""
    values = _finite(logs, objective)
    state = TrialState.RUNNING
    return create_trial(state=state, intermediate_values=values, system_attrs=notes.marks)


def _values(record: dict[str, Any], objective: Any) -> dict[int, float]:
    """Return the objective after each epoch of the first execution where it is finite."""
    curve: dict[str, list] = next(iter(record.get("executions", ())), {})
    epochs = max(map(len, curve.values()), default=0)
    logs = [
        {n: values[i] for n, values in curve.items() if len(values) > i and values[i] is not None}
        for i in range(epochs)
    ]
    return _finite(logs, objective)


def _finite(logs: Iterable[dict[str, Any]], objective: Any) -> dict[int, float]:
    """Return the objective after each epoch, from 1, where it is finite."""
    found = {}
    for epoch, each in enumerate(logs, start=1):
        if objective.has_value(each) and math.isfinite(value := float(objective.get_value(each))):
            found[epoch] = value
    return found


def _at(epoch: int, trials: Iterable[FrozenTrial]) -> list[float]:
    """Return the values of the trials that have come to an epoch."""
    found = [trial.intermediate_values.get(epoch) for trial in trials]
    return [value for value in found if value is not None]


def _nothing_to_compare(objective: Any, logs: dict[str, Any]) -> FatalValueError:
    return FatalValueError(
        f"`pruner` compares the objective after each epoch; it must be among the logs of `fit`. "
        f"Received: objective={objective.name!r}, logs of {sorted(logs)}"
    )
