"""What a trial leaves: curves, the weights of its best epoch, and why it failed."""

import math
import os

import keras
import keras_tuner
import numpy as np
import pytest

from keras_trainkit.tuner import HyperMLP, RandomSearch
from tests.contracts import array
from tests.tuner.execution.curves import EPOCHS, falling, lengths, searched
from tests.tuner.searches import on_disk, statuses
from tests.tuner.test_search import MLP, iris

HOST = pytest.mark.host
FILE = "checkpoint.weights.h5"


def valley(x, epoch):
    """Return a curve whose lowest point is at epoch 4."""
    return x + abs(epoch - 4)


def epoch_of(model) -> int:
    return int(model.get_weights()[0].item())


@HOST
def test_curves_are_on_the_disk(tmp_path):
    made = searched(tmp_path, valley, max_trials=2, executions_per_trial=2)
    x = made.oracle.trials["1"].hyperparameters["x"]
    curve = {"loss": [valley(x, epoch) for epoch in range(1, EPOCHS + 1)]}
    assert on_disk(tmp_path)["trial_1/curves.json"] == {
        "executions": [curve, curve],
        "pruned": False,
        "marks": {},
    }


@HOST
def test_the_weights_are_those_of_the_best_epoch(tmp_path):
    made = searched(tmp_path, valley, max_trials=3)
    assert [epoch_of(model) for model in made.get_best_models(3)] == [4, 4, 4]


@HOST
def test_the_weights_are_those_of_the_best_execution(tmp_path):
    calls = iter([0, 5, 2])

    def loss(x, epoch):
        if epoch == 1:
            loss.shift = next(calls)
        return abs(epoch - 4) + (epoch - 3 if loss.shift else 0) * loss.shift

    made = searched(tmp_path, loss, max_trials=1, executions_per_trial=3)
    # The second one is lowest, at its first epoch.
    assert epoch_of(made.get_best_models()[0]) == 1


@HOST
def test_without_the_objective_in_the_logs_the_weights_are_the_last(tmp_path):
    class Scores(RandomSearch):
        def _build_and_fit_model(self, *args, **kwargs):
            super()._build_and_fit_model(*args, **kwargs)
            return 1.0

    made = searched(tmp_path, valley, Scores, objective=None, max_trials=1)
    assert epoch_of(made.get_best_models()[0]) == EPOCHS


def loss_and_gradients(x, epoch):
    return math.inf if x % 2 and epoch == 3 else falling(x, epoch)


@HOST
def test_a_trial_that_diverges_late_has_failed_and_ends_there(tmp_path):
    made = searched(tmp_path, loss_and_gradients)
    for trial, record in made.oracle.records():
        diverges = trial.hyperparameters["x"] % 2 == 1
        assert (trial.status == "FAILED") == diverges
        assert len(record["executions"][0]["loss"]) == (3 if diverges else EPOCHS)
        if diverges:
            assert trial.score is None
            assert trial.message.startswith("Diverged: `loss` was inf after epoch 3. Try a lower")
            assert record["executions"][0]["loss"][2] is None
            folder = made.get_trial_dir(trial.trial_id)
            assert not os.path.exists(os.path.join(folder, FILE))
    assert set(statuses(made)) == {"COMPLETED", "FAILED"}


@pytest.mark.parametrize("optimizer", ["nag", "adam"])
def test_weights_and_scores_are_those_of_keras_tuner(optimizer, tmp_path):
    """One seed per execution is all that is different, so with it all is equal."""

    class Theirs(keras_tuner.RandomSearch):
        def _build_and_fit_model(self, trial, *args, **kwargs):
            keras.utils.set_random_seed(ours.oracle.seed_of(trial.trial_id, 0))
            begin = keras.callbacks.LambdaCallback(
                on_train_begin=lambda logs: keras.utils.set_random_seed(
                    ours.oracle.seed_of(trial.trial_id, 0)
                )
            )
            kwargs["callbacks"] = [begin, *kwargs["callbacks"]]
            return super()._build_and_fit_model(trial, *args, **kwargs)

    arguments = {**MLP, "optimizer": optimizer, "dropout": 0.3}
    options = {"objective": "val_loss", "max_trials": 1, "seed": 0, "directory": tmp_path}
    ours = RandomSearch(HyperMLP(**arguments), project_name="ours", **options)
    ours.search(**iris(), epochs=3, verbose=0)
    theirs = Theirs(HyperMLP(**arguments), project_name="theirs", **options)
    theirs.oracle.populate_space = lambda name: {
        "status": "RUNNING",
        "values": dict(ours.oracle.trials["0"].hyperparameters.values),
    }
    theirs.search(**iris(), epochs=3, verbose=0)
    mine, other = ours.get_best_models()[0], theirs.get_best_models()[0]
    pairs = zip(
        (*mine.weights, *mine.optimizer.variables),
        (*other.weights, *other.optimizer.variables),
        strict=True,
    )
    for variable, another in pairs:
        np.testing.assert_array_equal(array(variable), array(another))
    assert ours.oracle.trials["0"].score == theirs.oracle.trials["0"].score
    assert lengths(ours) == [3]


class Epochs(RandomSearch):
    """Overrides what KerasTuner's users may."""

    def on_epoch_end(self, trial, model, epoch, logs=None):
        self.seen.append((trial.trial_id, epoch, sorted(logs)))

    def on_trial_end(self, trial):
        self.ended.append(trial.status)
        super().on_trial_end(trial)


@HOST
def test_methods_that_users_override_are_called(tmp_path):
    Epochs.seen, Epochs.ended = [], []
    searched(tmp_path, kind=Epochs, max_trials=2, epochs=2)
    assert Epochs.seen == [(name, epoch, ["loss"]) for name in "01" for epoch in range(2)]
    assert Epochs.ended == ["COMPLETED"] * 2
