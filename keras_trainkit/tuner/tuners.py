"""Tuners with KerasTuner's surface, which ask Optuna and lose nothing when they are interrupted."""

import itertools
import os
import traceback
import warnings
from functools import partial
from typing import Any

import keras
import keras_tuner
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalError

from keras_trainkit import _validation
from keras_trainkit.callbacks._training_state.variables import (
    generator_states,
    set_generator_states,
)
from keras_trainkit.tuner._oracle import files, history
from keras_trainkit.tuner._oracle.oracle import Oracle

# Those of KerasTuner's Gaussian process.
ALPHA, BETA = 1e-4, 2.6
INITIAL_POINTS = 8
# What tells KerasTuner's tuners that their oracle is in another process.
CHIEF = "KERASTUNER_ORACLE_IP"


class Tuner(keras_tuner.Tuner):
    """What the tuners of this package have in common; `RandomSearch` says what that is.

    Args:
        oracle: `Oracle` of this package.
        hypermodel: as in `keras_tuner.Tuner`.
        directory: path of a folder on this machine.
        **options: Arguments of `keras_tuner.Tuner`.
    """

    oracle: Oracle

    def __init__(
        self, oracle: Oracle, hypermodel: Any = None, directory: Any = None, **options: Any
    ) -> None:
        if CHIEF in os.environ:
            raise RuntimeError(
                "KerasTuner's chief and workers are not for this tuner. Unset the environment "
                f"variable. Received: {CHIEF}={os.environ[CHIEF]!r}"
            )
        if directory is not None:
            directory = _validation.folder("directory", directory)
        self._executions = itertools.count()
        super().__init__(oracle, hypermodel, directory=directory, **options)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run the trials that are left; see `keras_tuner.Tuner.search`.

        What has been drawn from the global random generators of Python, NumPy and the backend
        before goes on behind the search as if there had been none.
        """
        before = generator_states()
        try:
            super().search(*fit_args, **fit_kwargs)
        finally:
            set_generator_states(before)
        if self.oracle.trials and not self._finished(1):
            warnings.warn(
                f"None of {len(self.oracle.trials)} trials has finished; `results_summary` tells "
                f"of each why. The last one: {self.oracle.last_failure()}",
                stacklevel=2,
            )

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """Return the models of the best finished trials, at most `num_models`, the best first."""
        return [self.load_model(trial) for trial in self._finished(num_models)]

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[HyperParameters]:
        """Return those of the best finished trials, at most `num_trials`, the best first."""
        return [trial.hyperparameters for trial in self._finished(num_trials)]

    def save(self) -> None:
        """Write what a search goes on from."""
        self.oracle.save()
        # Nothing is in it, but without it KerasTuner's own tuners would not read the folder.
        files.write_json(os.path.join(self.project_dir, f"{self.tuner_id}.json"), self.get_state())

    def reload(self) -> None:
        """Read again what the folder holds, for instance what another process has found since."""
        self.oracle.reload()

    def _get_tuner_fname(self) -> str:
        """Return the name of no file: KerasTuner would print that it reads it, and do so."""
        return ""

    def _populate_initial_space(self) -> None:
        """Learn what is searched, then take up the search that the folder holds."""
        super()._populate_initial_space()
        self.oracle.reload()

    def _try_run_and_update_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        """Run a trial and note how it ended; what ends the search leaves it to be run again."""
        self._executions = itertools.count()
        # For a `run_trial` of the user's own, which may build and train by itself.
        keras.utils.set_random_seed(self.oracle.seed_of(trial.trial_id, execution=0))
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError as error:
            self._note_failure(trial, TrialStatus.FAILED, f"Failed: {error}")
        except BaseException as error:
            if isinstance(error, FatalError) or not isinstance(error, Exception):
                self.oracle.release(trial)
                raise
            self._note_failure(trial, TrialStatus.INVALID, traceback.format_exc())

    def _note_failure(self, trial: Trial, status: str, message: str) -> None:
        """Let a trial say how it has failed, on the screen too where that is wanted."""
        trial.status, trial.message = status, message
        if self.oracle.verbose:
            print(message)

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Build and train the model of one execution, whose randomness is its own."""
        begin = Begin(self.oracle.seed_of(trial.trial_id, next(self._executions)))
        begin.on_train_begin()
        values = trial.hyperparameters
        model = self._try_build(values)
        kwargs["callbacks"] = [begin, *kwargs.get("callbacks", [])]
        results = self.hypermodel.fit(values, model, *args, **kwargs)
        files.write_json(self._get_build_config_fname(trial.trial_id), model.get_build_config())
        return results

    def _finished(self, most: int) -> list[Trial]:
        """Return the best trials among those that have a score."""
        best = self.oracle.get_best_trials(most)
        return [trial for trial in best if trial.status == TrialStatus.COMPLETED]


class Begin(keras.callbacks.Callback):
    """Seeds all generators when a training begins: how much building has drawn does not matter."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin all streams anew."""
        keras.utils.set_random_seed(self.seed)


class RandomSearch(Tuner):
    """Random search that an interruption does not harm.

    Each hyperparameter of a trial is drawn by itself, from its range or among its values. It is
    `keras_tuner.RandomSearch` for whoever changes the import: the same arguments, methods and
    folders. What is different:

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
        **kwargs: Further arguments of `keras_tuner.Tuner`: `directory`, `project_name`,
            `overwrite`, `executions_per_trial`, `max_model_size`, ...

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
            history.random_sampler,
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


class BayesianOptimization(Tuner):
    """Search that learns from its trials, by a tree-structured Parzen estimator.

        x = argmax l(x) / g(x)

    Here l is the density of the hyperparameters in the best tenth of the trials, g that in all
    others, and the maximum is over 24 draws from l. The first trials are drawn at random. A trial
    that has failed counts as worse than the worst, so that its surroundings are avoided; one that
    is running counts as the worst, so that two are not alike.

    All else is as in `RandomSearch`, and all arguments mean the same. It is
    `keras_tuner.BayesianOptimization` for whoever changes the import.

    Args:
        hypermodel: See `RandomSearch`.
        objective: See `RandomSearch`.
        max_trials: See `RandomSearch`.
        num_initial_points: int >= 1. Number of trials drawn at random. Defaults to 8.
        alpha: float. Not used; a Gaussian process would.
        beta: float. Not used; a Gaussian process would.
        seed: See `RandomSearch`.
        hyperparameters: See `RandomSearch`.
        tune_new_entries: See `RandomSearch`.
        allow_new_entries: See `RandomSearch`.
        max_retries_per_trial: See `RandomSearch`.
        max_consecutive_failed_trials: See `RandomSearch`.
        **kwargs: See `RandomSearch`.

    Raises:
        ValueError: as `RandomSearch`, or if `num_initial_points` is not an int >= 1.

    Differs from KerasTuner: besides what is different in `RandomSearch`, there is no Gaussian
        process. Another `alpha` or `beta` than KerasTuner's defaults gets a warning.

    Example:
        >>> import tempfile
        >>> from keras_trainkit.tuner import BayesianOptimization
        >>> class Parabola(BayesianOptimization):
        ...     def run_trial(self, trial, **arguments):
        ...         return (trial.hyperparameters.Float("x", -1, 1) - 0.5) ** 2
        >>> tuner = Parabola(max_trials=20, seed=0, directory=tempfile.mkdtemp())
        >>> tuner.search(verbose=0)
        >>> abs(tuner.get_best_hyperparameters()[0]["x"] - 0.5) < 0.1
        True

    Reference:
        Bergstra et al. (2011), Algorithms for hyper-parameter optimization, NeurIPS 24.
        Watanabe (2023), Tree-structured Parzen estimator, arXiv:2304.11127.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float = ALPHA,
        beta: float = BETA,
        seed: int | None = None,
        hyperparameters: HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        points = INITIAL_POINTS if num_initial_points is None else num_initial_points
        points = _validation.integer("num_initial_points", points, low=1)
        if (alpha, beta) != (ALPHA, BETA):
            warnings.warn(
                "`alpha` and `beta` are for a Gaussian process; this search has none and does "
                f"without them. Received: alpha={alpha}, beta={beta}",
                stacklevel=2,
            )
        oracle = Oracle(
            partial(history.tpe_sampler, initial_points=points),
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
