"""Searches whose trials train in stacks."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.tuner import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    HyperMLP,
    RandomSearch,
    spaces,
)
from keras_trainkit.tuner._stack.stack import Stack
from tests.tuner.test_search import iris

EVERYTHING = spaces.Optimizer(
    ["nag", "adam", "adamw", "nadam", "sgd", "rmsprop", "adagrad"],
    schedule=spaces.Schedule(["constant", "exponential"], half_life=30),
)
SPACE = {"width": (4, 16), "batch_size": [20, 50], "optimizer": EVERYTHING}


def search(folder, kind=None, hypermodel=None, data=None, lanes=4, epochs=3, **options):
    """Search iris for a classifier, and return the tuner."""
    kind = kind or RandomSearch
    trials = {"max_epochs": epochs} if kind is Hyperband else {"max_trials": 10}
    options = {"objective": "val_loss", "seed": 1, **trials, **options}
    made = kind(
        hypermodel or HyperMLP((4,), 3, **SPACE),
        directory=folder,
        project_name="search",
        **options,
    )
    epochs = {} if kind is Hyperband else {"epochs": epochs}
    made.search(**(data or iris()), **epochs, lanes=lanes, verbose=0)
    return made


def ended(made):
    return {name: (t.status, t.score) for name, t in made.oracle.trials.items()}


@pytest.mark.oldest
def test_a_trial_ends_as_it_would_by_itself(tmp_path):
    """First weights and all numbers are the same; the order of rows is not, so it is fixed here."""
    data = iris() | {"shuffle": False}
    model = HyperMLP((4,), 3, **SPACE, dropout=False)
    together, alone = (
        search(tmp_path / str(lanes), hypermodel=model, data=data, lanes=lanes) for lanes in (4, 1)
    )
    scores = [[t.score for t in made.oracle.trials.values()] for made in (together, alone)]
    assert len(scores[0]) == 10
    np.testing.assert_allclose(*scores, rtol=2e-4)
    values = [
        [t.hyperparameters.values for t in made.oracle.trials.values()]
        for made in (together, alone)
    ]
    assert values[0] == values[1]


def test_the_best_model_is_that_of_the_best_epoch(tmp_path):
    made, data = search(tmp_path, epochs=6), iris()
    trial, model = made.oracle.get_best_trials()[0], made.get_best_models()[0]
    loss = model.evaluate(*data["validation_data"], verbose=0)[0]
    assert loss == pytest.approx(trial.score, rel=1e-5)
    records = {trial.trial_id: record for trial, record in made.oracle.records()}
    (curves,) = records[trial.trial_id]["executions"]
    assert min(curves["val_loss"]) == trial.score
    assert set(curves) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    # It trains on.
    assert np.isfinite(model.fit(data["x"], data["y"], verbose=0).history["loss"]).all()


def test_two_searches_with_one_seed_are_equal_bit_for_bit(tmp_path):
    one, two = (search(tmp_path / name, pruner=1) for name in "ab")
    assert ended(one) == ended(two)


@pytest.mark.short("torch")
@pytest.mark.parametrize("kind", [BayesianOptimization, GridSearch, Hyperband])
def test_every_tuner_searches_in_stacks(kind, tmp_path):
    made = search(tmp_path, kind)
    assert {status for status, _ in ended(made).values()} == {"COMPLETED"}
    if kind is Hyperband:
        lengths = {len(record["executions"][0]["loss"]) for _, record in made.oracle.records()}
        assert max(lengths) == 3
        assert min(lengths) == 1


@pytest.mark.short("torch")
@pytest.mark.parametrize("pruner", [1, 2, "median", "halving"])
def test_a_pruner_compares_with_what_trains_beside(pruner, tmp_path):
    made = search(tmp_path, pruner=pruner, epochs=6, lanes=8)
    stopped = [t for t in made.oracle.trials.values() if t.message]
    assert 1 <= len(stopped) < 10 or pruner == "median"
    assert all("of" in t.message and "Pruner" in t.message for t in stopped)
    if pruner == 1:
        # Of the first 8 the best two go on, whatever their order.
        first = [t for name, t in sorted(made.oracle.trials.items())][:8]
        assert sum(t.message is None for t in first) == 2


@pytest.mark.short("torch")
def test_early_stopping_ends_a_lane(tmp_path):
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=10.0, patience=1)
    data = iris() | {"callbacks": [stop]}
    made = search(tmp_path, data=data, epochs=5)
    curves = [record["executions"][0]["loss"] for _, record in made.oracle.records()]
    assert {len(curve) for curve in curves} == {2}


@pytest.mark.short("torch")
def test_a_lane_that_diverges_fails_and_no_other(tmp_path):
    wild = HyperMLP((4,), 3, optimizer="sgd", schedule=False, dropout=False)
    wild.optimizer = spaces.Optimizer(
        "sgd", learning_rate=[0.01, 1e30], momentum=False, clipnorm=False, schedule=False
    )
    made = search(tmp_path, hypermodel=wild)
    by_rate = {}
    for trial in made.oracle.trials.values():
        rate = trial.hyperparameters.get("sgd/learning_rate")
        by_rate.setdefault(rate, set()).add(trial.status)
    assert by_rate == {0.01: {"COMPLETED"}, 1e30: {"FAILED"}}


def build_model(hp):
    width = hp.Int("width", 4, 32)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(width, hp.Choice("act", ["relu", "tanh"]))]
    )
    model.add(layers.Dropout(hp.Float("rate", 0.0, 0.5)))
    model.add(layers.Dense(3, "softmax"))
    rate = hp.Float("rate_of_learning", 1e-3, 1e-1, sampling="log")
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


@pytest.mark.short("torch")
def test_a_plain_build_model_is_stacked_too(tmp_path, capsys):
    made = RandomSearch(build_model, "val_accuracy", max_trials=6, seed=0, directory=tmp_path)
    made.search(**iris(), epochs=2, lanes=4, verbose=1)
    assert "6 trials in 2 stacks." in capsys.readouterr().out
    assert made.oracle.get_best_trials()[0].score > 0.3


def of_convolutions(hp):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Reshape((4, 1)), layers.Conv1D(hp.Int("f", 2, 5), 2)]
    )
    model.add(layers.Flatten())
    model.add(layers.Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


TASKS = {
    "classification": lambda y: (y, {"classes": 3}),
    "one_hot": lambda y: (np.eye(3, dtype="float32")[y], {"classes": 3}),
    "binary": lambda y: ((y > 0).astype("float32"), {}),
    "multilabel": lambda y: (np.stack([y > 0, y > 1, y < 2], axis=1), {"classes": 3}),
    "regression": lambda y: (np.stack([y, 100.0 - y], axis=1), {"output_units": 2}),
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_the_scores_that_it_has_alone(task, tmp_path):
    y, arguments = TASKS[task](iris()["y"])
    data = {"x": iris()["x"], "y": y, "validation_split": 0.2, "shuffle": False}
    curves = []
    for lanes in (3, 1):
        model = HyperMLP((4,), task=task, width=8, dropout=False, batch_size=30, **arguments)
        made = search(tmp_path / str(lanes), None, model, data, lanes, 2, max_trials=2)
        curves.append([record["executions"][0] for _, record in made.oracle.records()])
    for stacked, alone in zip(*curves, strict=True):
        assert set(stacked) == set(alone)
        for name, values in alone.items():
            np.testing.assert_allclose(stacked[name], values, rtol=2e-4, atol=1e-6)


@pytest.mark.short("torch")
def test_what_a_stack_fails_at_trains_alone(tmp_path, capsys, monkeypatch):
    def failing(self, lanes):
        raise RuntimeError("no such shapes")

    monkeypatch.setattr(Stack, "train", failing)
    made = RandomSearch(build_model, "val_loss", max_trials=3, seed=0, directory=tmp_path)
    made.search(**iris(), epochs=1, lanes=2, verbose=1)
    assert {status for status, _ in ended(made).values()} == {"COMPLETED"}
    assert "Trains one by one what a stack fails at: RuntimeError" in capsys.readouterr().out


class Watching(keras.callbacks.Callback):
    """Needs a model."""


class Telling(RandomSearch):
    """Does something of its own with each model."""

    def on_epoch_end(self, trial, model, epoch, logs=None):
        self.told = getattr(self, "told", 0) + 1


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("kind", "hypermodel", "options", "data", "why"),
    [
        (RandomSearch, of_convolutions, {}, {}, "Conv1D"),
        (RandomSearch, build_model, {"executions_per_trial": 2}, {}, "executions_per_trial"),
        (RandomSearch, build_model, {"diagnose": True}, {}, "diagnose"),
        (RandomSearch, build_model, {}, {"callbacks": [Watching()]}, "Watching"),
        (RandomSearch, build_model, {}, {"class_weight": {0: 2.0}}, "class_weight"),
        (Telling, build_model, {}, {}, "Telling"),
    ],
)
def test_what_cannot_be_stacked_trains_alone_and_the_reason_is_said(
    kind, hypermodel, options, data, why, tmp_path, capsys
):
    options = {"max_trials": 2, "seed": 0, **options}
    made = kind(hypermodel, "val_loss", directory=tmp_path, **options)
    made.search(**iris(), **data, epochs=2, lanes=4, verbose=1)
    said = [line for line in capsys.readouterr().out.splitlines() if why in line]
    assert len(said) == 1
    assert said[0].startswith("Trains one by one")
    assert {status for status, _ in ended(made).values()} == {"COMPLETED"}
    assert getattr(made, "told", 4) == 4


@pytest.mark.host
def test_a_trial_alone_is_known_before_the_next_one_is_proposed(tmp_path):
    class Counting(RandomSearch):
        known = []

        def on_trial_begin(self, trial):
            self.known.append(len(self.oracle.end_order))
            super().on_trial_begin(trial)

    made = Counting(of_convolutions, "val_loss", max_trials=3, seed=0, directory=tmp_path)
    made.search(**iris(), epochs=1, lanes=4, verbose=0)
    assert made.known == [0, 1, 2]


@pytest.mark.short("torch")
def test_a_model_that_does_not_build_is_written_down_as_by_itself(tmp_path):
    def failing(hp):
        if hp.Boolean("fails", default=False):
            raise ValueError("no such model")
        return build_model(hp)

    made = search(tmp_path, hypermodel=failing)
    by_value = {}
    for trial in made.oracle.trials.values():
        by_value.setdefault(trial.hyperparameters.get("fails"), set()).add(trial.status)
    assert by_value[False] == {"COMPLETED"}
    assert "COMPLETED" not in by_value[True]


@pytest.mark.host
def test_lanes_must_be_a_count_and_have_no_workers_beside(tmp_path):
    made = RandomSearch(build_model, "val_loss", max_trials=1, directory=tmp_path)
    with pytest.raises(ValueError, match="`lanes` must be an integer >= 1"):
        made.search(**iris(), lanes=0)
    with pytest.raises(ValueError, match="`lanes` must be 1 beside `workers`"):
        made.search(**iris(), lanes=2, workers=2)


@pytest.mark.host
def test_a_killed_search_goes_on_and_loses_nothing_that_had_finished(tmp_path, capsys):
    code = f"from {__name__} import killed; killed({str(tmp_path)!r})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    trials = {path.parent.name: path.read_bytes() for path in tmp_path.rglob("trial.json")}
    finished = {name: content for name, content in trials.items() if b"COMPLETED" in content}
    assert 1 <= len(finished) < 12
    made = RandomSearch(build_model, "val_loss", max_trials=12, seed=0, directory=tmp_path)
    made.search(**iris(), epochs=2, lanes=4, verbose=1)
    # One of the four first trials had not ended; alone it cannot take three others with it again.
    assert "in which the process has ended before" in capsys.readouterr().out
    assert len(ended(made)) == 12
    assert {status for status, _ in ended(made).values()} == {"COMPLETED"}
    now = {path.parent.name: path.read_bytes() for path in tmp_path.rglob("trial.json")}
    assert {name: now[name] for name in finished} == finished


def killed(folder):
    """Search until the third trial has ended, then die."""

    class Dying(RandomSearch):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if len(self.oracle.end_order) == 3:
                os.kill(os.getpid(), signal.SIGKILL)

    Dying(build_model, "val_loss", max_trials=12, seed=0, directory=folder).search(
        **iris(), epochs=2, lanes=4, verbose=0
    )
