"""Hyperband, which stops inside of trials."""

from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial
from optuna.pruners import NopPruner, SuccessiveHalvingPruner

from keras_trainkit import _validation
from keras_trainkit.tuner._execution import pruning
from keras_trainkit.tuner._execution.tuner import Tuner
from keras_trainkit.tuner._oracle import proposals
from keras_trainkit.tuner._oracle.brackets import Brackets
from keras_trainkit.tuner._oracle.oracle import Oracle


class Hyperband(Tuner):
    """Random search that spends most epochs on the trials that begin best.

    Trials come in brackets. In the first bracket a trial is stopped after few epochs, and after
    `factor` times as many, and so on, unless it is then among the best of the bracket, one in
    `factor`, or the best of all. The brackets behind it have fewer trials, which are stopped for
    the first time after more epochs; in the last one all trials train for `max_epochs`.

    A trial that goes on is not begun again: weights, optimizer and schedule are those that it has,
    and it is one row of the results. A failed trial is compared with nobody. There are
    `hyperband_iterations` times

        sum over s = 0, ..., s_max of ceil((s_max + 1) / (s + 1) * factor^s)

    trials, s_max = floor(log_factor(max_epochs)). All else is as in `RandomSearch`, and all
    arguments mean the same. It is `keras_tuner.Hyperband` for whoever changes the import.

    Args:
        hypermodel: See `RandomSearch`.
        objective: See `RandomSearch`. It must be among the logs of `fit` after each epoch.
        max_epochs: int >= 1. So many epochs a trial trains that is not stopped. Defaults to 100.
        factor: int >= 2. One in so many trials goes on. Defaults to 3.
        hyperband_iterations: int >= 1. How often there are all brackets; `None`: without end.
            Defaults to 1.
        seed: See `RandomSearch`.
        hyperparameters: See `RandomSearch`.
        tune_new_entries: See `RandomSearch`.
        allow_new_entries: See `RandomSearch`.
        max_retries_per_trial: See `RandomSearch`.
        max_consecutive_failed_trials: See `RandomSearch`.
        **kwargs: See `RandomSearch`, but there is no `pruner`.

    Raises:
        ValueError: as `RandomSearch`, if `max_epochs`, `factor` or `hyperband_iterations` is out
            of its range, or if the folder holds a search with another `max_epochs` or `factor`.

    Differs from KerasTuner: besides what is different in `RandomSearch`, a trial is compared with
        those before it instead of waiting for those behind it, and has no `tuner/...` values.

    Reference:
        Li et al. (2018), Hyperband, JMLR 18, arXiv:1603.06560.
        Li et al. (2020), A system for massively parallel hyperparameter tuning, arXiv:1810.05934:
        the rule without waiting, as Optuna has it.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = 1,
        seed: int | None = None,
        hyperparameters: HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("pruner") is not None:
            raise _validation.invalid("pruner", "None, for Hyperband is one", kwargs["pruner"])
        self.seed = seed
        self.brackets = Brackets(max_epochs, factor)
        oracle = Oracle(
            proposals.of_sampler,
            objective=objective,
            max_trials=trials_of(self.brackets, hyperband_iterations),
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            settings={"max_epochs": max_epochs, "factor": factor},
        )
        super().__init__(oracle, hypermodel, **kwargs)

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Have a trial train for `max_epochs`, or until it is stopped."""
        return {**given, "epochs": self.brackets.max_epochs}

    def _judge(self, trial: Trial) -> pruning.Judge | None:
        """Return what compares a trial with those of its bracket."""
        bracket = self.brackets.of(trial.trial_id)
        halving = SuccessiveHalvingPruner(bracket.epochs, self.brackets.factor)
        pruner = halving if bracket.halvings else NopPruner()
        peers = ((t, r) for t, r in self.oracle.records() if self._compares(trial, t))
        return pruning.judge(pruner, self.oracle.objective, peers)

    def _compares(self, trial: Trial, other: Trial) -> bool:
        """Say whether two trials are of one bracket."""
        return self.brackets.of(trial.trial_id).has(other.trial_id)


def trials_of(brackets: Brackets, iterations: int | None) -> int | None:
    """Return the number of trials of a search."""
    if iterations is None:
        return None
    return brackets.trials * _validation.integer("hyperband_iterations", iterations, low=1)
