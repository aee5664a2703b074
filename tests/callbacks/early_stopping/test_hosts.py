"""Early stopping under KerasTuner and scikit-learn, and on two replicas."""

import json
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import Scores
from tests.contracts import run_in_fresh_process

SCORES = [0.5, 0.9, 0.7, 0.6, 0.6, 0.6]
KEPT = []


def build(space):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = space.Float("learning_rate", 0.002, 0.05)
    model.compile(keras.optimizers.Adam(rate), loss="mse")
    model.optimizer.build(model.trainable_variables)  # Hyperband loads its variables.
    return model


class Keep(keras.callbacks.Callback):
    """Keeps what each copy that the tuner makes of the callbacks trained."""

    def __init__(self, scores, stopping):
        super().__init__()
        self.scores, self.stopping = scores, stopping

    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_end(self, logs=None):
        weights = [np.array(weight) for weight in self.model.get_weights()]
        KEPT.append((self.epochs, weights, self.scores.weights, self.stopping.report))


@pytest.mark.parametrize(
    ("kind", "options", "arguments"),
    [
        ("RandomSearch", {"max_trials": 2}, {"epochs": len(SCORES)}),
        # Trials of two epochs, the best of which go on to the sixth.
        pytest.param(
            *("Hyperband", {"max_epochs": 6, "factor": 3}, {}), marks=pytest.mark.short("torch")
        ),
    ],
)
def test_stops_and_restores_in_every_trial_of_a_search(kind, options, arguments, tmp_path):
    KEPT.clear()
    search = getattr(keras_tuner, kind)(
        build,
        objective=keras_tuner.Objective("score", "max"),
        directory=tmp_path,
        seed=1,
        **options,
    )
    scores = Scores(SCORES)
    stopping = EarlyStopping("score", mode="max", patience=2, restore="state")
    x = np.ones((8, 2))
    callbacks = [scores, stopping, Keep(scores, stopping)]
    search.search(x, x[:, :1], verbose=0, callbacks=callbacks, **arguments)
    assert {trial.status for trial in search.oracle.trials.values()} == {"COMPLETED"}
    assert stopping.best is None
    runs = {tuple(epochs) for epochs, *_ in KEPT}
    assert runs == ({(0, 1, 2, 3)} if kind == "RandomSearch" else {(0, 1), (2, 3, 4), (0, 1, 2, 3)})
    for epochs, weights, of_epochs, report in KEPT:
        best = max(epochs, key=SCORES.__getitem__)
        assert report.best_epoch == best
        assert report.reason == ("end" if len(epochs) == 2 else "patience")
        for mine, expected in zip(weights, of_epochs[epochs.index(best)], strict=True):
            np.testing.assert_array_equal(mine, expected)


@pytest.mark.short("torch")
def test_scikit_learn_hands_callbacks_on_as_the_docs_say():
    from sklearn.base import clone
    from sklearn.model_selection import cross_validate

    def line(X, y):  # noqa: N803 - as scikit-learn names it
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", loss="mse")
        return model

    reasons = []
    stopping = EarlyStopping("loss", patience=2, target=1e9)
    noting = keras.callbacks.LambdaCallback(on_train_end=lambda logs: reasons.append("end"))
    given = {"callbacks": [stopping, noting], "epochs": 3, "verbose": 0}
    regressor = keras.wrappers.SKLearnRegressor(line, fit_kwargs=given)
    assert clone(regressor).fit_kwargs is None
    x = np.random.default_rng(0).normal(size=(30, 2))
    regressor = keras.wrappers.SKLearnRegressor(line)
    cross_validate(regressor, x, x.sum(1), cv=3, params=given, error_score="raise")
    assert len(reasons) == 3
    assert (stopping.report.reason, stopping.report.checks) == ("target", 1)


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.short("jax")
def test_two_replicas():
    """By `MirroredStrategy` on TensorFlow, by `DataParallel` on JAX, in a process of their own."""
    script = Path(__file__).with_name("stopping_replicas.py").read_text()
    found = json.loads(run_in_fresh_process(script).splitlines()[-1])
    assert len(found) == 2
    for name, outcome in found.items():
        assert outcome == "passed", f"{name}: {outcome}"
