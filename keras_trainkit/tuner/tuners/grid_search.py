"""Grid search, coarse before fine."""

from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit.tuner._execution.tuner import Tuner
from keras_trainkit.tuner._oracle import proposals
from keras_trainkit.tuner._oracle.oracle import Oracle


class GridSearch(Tuner):
    """Search through a grid, coarsely in every hyperparameter before finely in any.

    The first trial has all defaults. The next ones leave the default in one hyperparameter for an
    end of its range or, where values have no order, for one of the others. Then two leave it, or
    one is refined by a value halfway between those that it has had; and so on, until the grid is
    complete: a range with a step is divided by it, one without into eight parts.

    All else is as in `RandomSearch`, and all arguments mean the same. It is
    `keras_tuner.GridSearch` for whoever changes the import.

    Args:
        hypermodel: See `RandomSearch`.
        objective: See `RandomSearch`.
        max_trials: int. See `RandomSearch`. Defaults to `None`: until the grid is exhausted.
        seed: int >= 0. The grid does not depend on it; weights, shuffling and dropout do.
        hyperparameters: See `RandomSearch`.
        tune_new_entries: See `RandomSearch`.
        allow_new_entries: See `RandomSearch`.
        max_retries_per_trial: See `RandomSearch`.
        max_consecutive_failed_trials: See `RandomSearch`.
        **kwargs: See `RandomSearch`.

    Raises:
        ValueError: as `RandomSearch`.

    Differs from KerasTuner: besides what is different in `RandomSearch`, the order, and a range
        without a step has nine values with both ends among them instead of ten without.

    Example:
        >>> import tempfile
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import GridSearch
        >>> class Sum(GridSearch):
        ...     def run_trial(self, trial, **arguments):
        ...         return sum(trial.hyperparameters.values.values())
        >>> space = HyperParameters()
        >>> a, b = space.Int("a", 0, 2), space.Int("b", 0, 1)
        >>> tuner = Sum(hyperparameters=space, directory=tempfile.mkdtemp())
        >>> tuner.search(verbose=0)
        >>> [tuple(trial.hyperparameters.values.values()) for trial in tuner.oracle.trials.values()]
        [(0, 0), (2, 0), (0, 1), (1, 0), (2, 1), (1, 1)]
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.seed = seed
        oracle = Oracle(
            proposals.of_grid,
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        super().__init__(oracle, hypermodel, **kwargs)
