"""What a search has found: hyperparameters, and the models of the best trials."""

import os
from typing import Any

import keras
import keras_tuner
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.engine.tuner import maybe_distribute

from keras_trainkit import _validation
from keras_trainkit.callbacks._training_state.variables import build_optimizer
from keras_trainkit.tuner._execution import checkpoints
from keras_trainkit.tuner._execution.notes import Notes
from keras_trainkit.tuner._oracle import files
from keras_trainkit.tuner._oracle.oracle import Oracle

KEEP_BEST = 10


class Results(keras_tuner.Tuner):
    """A tuner as far as its results go.

    Args:
        oracle: `Oracle` of this package.
        hypermodel: as in `keras_tuner.Tuner`.
        keep_best: see `RandomSearch`.
        **options: Arguments of `keras_tuner.Tuner`.
    """

    oracle: Oracle

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any = None,
        keep_best: int | None = KEEP_BEST,
        **options: Any,
    ) -> None:
        if keep_best is not None:
            keep_best = _validation.integer("keep_best", keep_best, low=1)
        self.keep_best = keep_best
        super().__init__(oracle, hypermodel, **options)

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """Return the models of the best finished trials, at most `num_models`, the best first.

        Of no more than `keep_best` trials there are weights.
        """
        kept = [t for t in self._finished(num_models) if os.path.exists(self._weights_of(t))]
        return [self.load_model(trial) for trial in kept]

    def load_model(self, trial: Trial) -> keras.Model:
        """Return the model of a trial with the weights and the optimizer of its best epoch."""
        model = self._try_build(trial.hyperparameters)
        with maybe_distribute(self.distribution_strategy):
            if not model.built:
                path = self._get_build_config_fname(trial.trial_id)
                model.build_from_config(files.read_json(path))
            # Else Keras would load the weights and warn of the optimizer.
            build_optimizer(model)
            model.load_weights(self._weights_of(trial))
        return model

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[HyperParameters]:
        """Return those of the best finished trials, at most `num_trials`, the best first."""
        return [trial.hyperparameters for trial in self._finished(num_trials)]

    def _keep_weights(self, trial: Trial, notes: Notes) -> None:
        if notes.checkpoint is None:
            return
        files.write_json(self._get_build_config_fname(trial.trial_id), notes.build_config)
        best, place = self.oracle.ranking(ending=trial), self._get_checkpoint_fname
        checkpoints.write_if_among_best(trial, notes.checkpoint, best, self.keep_best, place)

    def _remove_weights(self) -> None:
        trials, best = self.oracle.trials.values(), self.oracle.ranking()
        checkpoints.remove_others(trials, best, self.keep_best, self._get_checkpoint_fname)

    def _weights_of(self, trial: Trial) -> str:
        return self._get_checkpoint_fname(trial.trial_id)

    def _finished(self, most: int) -> list[Trial]:
        """Return the best trials among those that have a score."""
        best = self.oracle.get_best_trials(most)
        return [trial for trial in best if trial.status == TrialStatus.COMPLETED]
