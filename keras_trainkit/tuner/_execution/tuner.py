"""What all tuners of this package do: run the trials that the oracle asks for."""

import itertools
import os
import traceback
import warnings
from collections.abc import Mapping
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
from keras_trainkit.tuner._oracle import files
from keras_trainkit.tuner._oracle.oracle import Oracle

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

    def enqueue(self, values: Mapping[str, Any] | HyperParameters) -> None:
        """Have a trial with known values come before those that the tuner proposes.

        Values that a trial has had already are not run again, so a script that enqueues may be
        run again.

        Args:
            values: dict from names of hyperparameters to values, or `HyperParameters`, for instance
                of another search. The hyperparameters that are missing have their defaults.

        Raises:
            ValueError: if a name is not searched, or a value outside of its range.
        """
        given = values.values if isinstance(values, HyperParameters) else values
        self.oracle.enqueue(given)

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
