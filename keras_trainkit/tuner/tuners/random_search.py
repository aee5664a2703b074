"""Random search."""

from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit.tuner._execution.tuner import Tuner
from keras_trainkit.tuner._oracle import proposals
from keras_trainkit.tuner._oracle.oracle import Oracle


class RandomSearch(Tuner):
    """Random search that an interruption does not harm.

    The first trial has the defaults; of each other one every hyperparameter is drawn by itself,
    from its range or among its values. It is `keras_tuner.RandomSearch` for whoever changes the
    import: the same arguments, methods and folders. What is different:

    - A search that is killed at any instant and run again goes on: no finished trial is lost or
      repeated, and what is proposed is what would have been. A trial that was running runs again;
      one during which the process has ended twice is given up.
    - A trial that raises, or whose score is not finite, never ends the search. Its `message` says
      what happened, and `results_summary` prints it.
    - Two searches with one seed propose the same and have, on one machine, the same scores:
      weights, shuffling and dropout of a trial follow from the seed and the trial's number.
    - Values that a trial has had are not proposed again. Where no others are found it ends.
    - Run again with a higher `max_trials` it goes on; with other ranges it raises, and names them.

    A file is written beside the old one and then put in its place. One process at a time may
    search in a folder; others may read it.

    Args:
        hypermodel: `keras_tuner.HyperModel`, or function of hyperparameters that returns a
            compiled model. Not needed where `run_trial` is overridden.
        objective: str, `keras_tuner.Objective` or list of them, as for `keras_tuner.RandomSearch`.
            Defaults to `None`, for a `run_trial` or `HyperModel.fit` that returns one float, to be
            minimized.
        max_trials: int. Number of trials, earlier ones in the folder included. Defaults to 10.
        seed: int >= 0, zero included. Defaults to `None`, which draws one and keeps it.
        hyperparameters: `keras_tuner.HyperParameters` that are registered before, or instead of
            those that the hypermodel asks for.
        tune_new_entries: bool. Whether hyperparameters that are not among these are searched; if
            not, they have their defaults. Defaults to `True`.
        allow_new_entries: bool. Whether there may be such. Defaults to `True`.
        max_retries_per_trial: int >= 0. How often a trial that raised runs again. Defaults to 0.
        max_consecutive_failed_trials: int >= 1. So many failures in a row end the search with an
            error. Defaults to `None`: none do.
        **kwargs: Further arguments of `keras_tuner.Tuner` (`directory`, `project_name`,
            `overwrite`, `executions_per_trial`, `max_model_size`, ...) and these:
            `pruner`: what stops a trial early that others leave behind at the same epoch. Integer
            n >= 1: after n epochs the best quarter goes on; `"median"`: from the second
            epoch on, who is worse than the median of the trials that came to their end is stopped,
            once there are five; `"halving"`: after 1, 4, 16, ... epochs the best quarter goes on;
            or a pruner of Optuna's, whose steps are epochs. Defaults to `None`.
            `diagnose`: bool. Whether a `GradientMonitor` watches each trial and stops it if its
            gradients vanish, explode, or show otherwise that it cannot learn. Defaults to `False`.
            `keep_best`: int >= 1. Of so many trials the weights are kept on the disk. Defaults to
            10; `None` keeps all.

    Raises:
        ValueError: if `seed` is not an int >= 0, if `directory` is on another machine, or if the
            folder holds a search in other ranges.

    Differs from KerasTuner: `max_consecutive_failed_trials` ends nothing by default;
        `get_best_models` and `get_best_hyperparameters` leave out trials that have not finished.

    Example:
        >>> import tempfile
        >>> from keras_trainkit.tuner import RandomSearch
        >>> class Parabola(RandomSearch):
        ...     def run_trial(self, trial, **arguments):
        ...         return (trial.hyperparameters.Float("x", -1, 1) - 0.5) ** 2
        >>> tuner = Parabola(max_trials=20, seed=0, directory=tempfile.mkdtemp())
        >>> tuner.search(verbose=0)
        >>> abs(tuner.get_best_hyperparameters()[0]["x"] - 0.5) < 0.2
        True

    Reference:
        Bergstra & Bengio (2012), Random search for hyper-parameter optimization, JMLR 13.
        Drawn by Optuna: Akiba et al. (2019), arXiv:1907.10902.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int = 10,
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
            proposals.of_sampler,
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
