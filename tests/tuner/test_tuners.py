"""The tuners on real models: seeds, interruptions, what comes back, and their arguments."""

import contextlib
import inspect
import random
import warnings

import keras
import keras_tuner
import numpy as np
import pytest

from keras_trainkit.tuner import BayesianOptimization, Hyperband, HyperMLP, RandomSearch
from tests.tuner.searches import TUNERS, rows, searched, tuner
from tests.tuner.test_search import iris

HOST = pytest.mark.host
# Weights, shuffling and dropout decide a score.
MLP = {
    "input_shape": (4,),
    "classes": 3,
    "hidden_layers": 1,
    "width": (4, 16),
    "batch_norm": False,
    "dropout": 0.3,
    "regularizer": False,
    "optimizer": ["nag", "adam"],
    "schedule": False,
    "batch_size": 25,
}


def trained(folder, kind=RandomSearch, trials=3, epochs=2, **options):
    number = {"max_epochs": epochs} if kind is Hyperband else {"max_trials": trials}
    made = kind(
        HyperMLP(**MLP),
        "val_loss",
        seed=0,
        directory=folder,
        project_name="search",
        **number,
        **options,
    )
    made.oracle.max_trials = trials  # Hyperband has a number of its own.
    made.search(**iris(), epochs=epochs, verbose=0)
    return made


# How a trial is seeded is the same in all of them.
ELSEWHERE = ("RandomSearch", "BayesianOptimization")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=name, marks=() if name in ELSEWHERE else pytest.mark.short("torch"))
        for name, kind in TUNERS.items()
    ],
)
def test_searches_with_one_seed_are_equal_also_in_parts(kind, tmp_path, capfd):
    options = {"num_initial_points": 1} if kind is BayesianOptimization else {}
    random.seed(1)
    first = trained(tmp_path / "first", kind, **options)
    random.seed(2)  # Nothing that was drawn before counts.
    keras.random.normal((3,))
    trained(tmp_path / "again", kind, 1, **options)
    again = trained(tmp_path / "again", kind, **options)
    assert rows(first) == rows(again)
    assert len({score for _, _, _, score in rows(first)}) == 3
    assert capfd.readouterr().out == ""


def test_the_best_model_comes_back_as_it_was_scored(tmp_path):
    trained(tmp_path)
    made = trained(tmp_path)
    model = made.get_best_models()[0]
    loss, _ = model.evaluate(*iris()["validation_data"], verbose=0)
    assert loss == pytest.approx(made.oracle.get_best_trials()[0].score, rel=1e-6)
    assert len(made.get_best_models(5)) == 3


def test_executions_of_a_trial_have_seeds_of_their_own(tmp_path, monkeypatch):
    weights, losses = [], []
    fit = HyperMLP.fit

    def kept(self, hp, model, *arguments, **options):
        weights.append(keras.ops.convert_to_numpy(model.trainable_weights[0]))
        history = fit(self, hp, model, *arguments, **options)
        losses.append(min(history.history["val_loss"]))
        return history

    monkeypatch.setattr(HyperMLP, "fit", kept)
    made = trained(tmp_path / "long", trials=1, executions_per_trial=2)
    assert losses[0] != losses[1]
    assert made.oracle.trials["0"].score == pytest.approx(np.mean(losses))
    trained(tmp_path / "short", trials=1, executions_per_trial=2, epochs=1)
    assert not np.array_equal(weights[0], weights[1])
    # What the first execution draws does not matter to the second.
    np.testing.assert_array_equal(weights[:2], weights[2:])


class Draws(keras.callbacks.Callback):
    """Collects what the generators of all trials give at the beginning of a training."""

    seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(drawn())


def test_what_building_draws_does_not_matter(tmp_path, monkeypatch):
    build = HyperMLP.build

    def drawing(self, hp):
        random.random()
        keras.random.normal((1,))
        return build(self, hp)

    Draws.seen.clear()
    for folder in ("plain", "drawing"):
        made = RandomSearch(
            HyperMLP(**MLP), "val_loss", max_trials=2, seed=3, directory=tmp_path / folder
        )
        made.search(**iris(), epochs=1, verbose=0, callbacks=[Draws()])
        monkeypatch.setattr(HyperMLP, "build", drawing)
    assert Draws.seen[:2] == Draws.seen[2:]
    assert Draws.seen[0] != Draws.seen[1]


@HOST
def test_a_run_trial_of_the_users_own_draws_by_the_seed_too(tmp_path):
    def scores(folder):
        return [score for *_, score in rows(searched(folder, action=lambda *_: random.random()))]

    first = scores(tmp_path / "first")
    random.seed(1)
    assert scores(tmp_path / "again") == first
    assert len(set(first)) == 12


def drawn():
    return random.random(), np.random.random(), float(keras.random.uniform(()))


def test_a_search_takes_nothing_from_the_global_generators(tmp_path):
    made, data = RandomSearch(HyperMLP(**MLP), "val_loss", max_trials=1, directory=tmp_path), iris()
    keras.utils.set_random_seed(4)
    expected = [drawn(), drawn()]
    keras.utils.set_random_seed(4)
    assert drawn() == expected[0]
    made.search(**data, epochs=1, verbose=0)
    assert drawn() == expected[1]


def test_a_wrong_use_of_the_hypermodel_ends_a_search_and_is_mended(tmp_path):
    made = RandomSearch(HyperMLP(**MLP), "val_loss", max_trials=2, seed=0, directory=tmp_path)
    for _ in range(3):
        with pytest.raises(keras_tuner.errors.FatalValueError, match="batch_size=10"):
            made.search(**iris(), batch_size=10, verbose=0)
    made.search(**iris(), epochs=1, verbose=0)
    assert [trial.status for trial in made.oracle.trials.values()] == ["COMPLETED"] * 2


@HOST
@pytest.mark.parametrize("kind", TUNERS)
def test_arguments_are_those_of_keras_tuner_in_its_order(kind):
    ours = inspect.signature(TUNERS[kind].__init__).parameters
    theirs = inspect.signature(getattr(keras_tuner, kind).__init__).parameters
    assert list(ours) == list(theirs)
    different = {name for name in ours if ours[name].default != theirs[name].default}
    assert different == {"max_consecutive_failed_trials"}


@HOST
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, r"`seed` must be an integer >= 0\. Received: seed=-1"),
        ({"seed": 0.5}, "`seed` must be an integer >= 0"),
        ({"directory": "gs://bucket"}, "`directory` must be the path of a folder on this machine"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandomSearch(**{"hypermodel": HyperMLP(**MLP), "objective": "val_loss", **arguments})


@HOST
@pytest.mark.parametrize("points", [0, 1.5])
def test_initial_points_are_counted_from_one(points, tmp_path):
    with pytest.raises(ValueError, match="`num_initial_points` must be an integer >= 1"):
        tuner(tmp_path, "BayesianOptimization", num_initial_points=points)


@HOST
def test_arguments_of_a_gaussian_process_are_said_to_do_nothing(tmp_path):
    tuner(tmp_path, "BayesianOptimization", alpha=1e-4, beta=2.6)
    with pytest.warns(UserWarning, match=r"alpha=0\.0001, beta=1"):
        tuner(tmp_path, "BayesianOptimization", beta=1)


@HOST
def test_initial_points_are_drawn_at_random_and_those_behind_them_are_not(tmp_path):
    at_random = searched(tmp_path / "random")
    for points in (4, 12):
        made = searched(tmp_path / str(points), "BayesianOptimization", num_initial_points=points)
        same = [a == b for a, b in zip(rows(made), rows(at_random), strict=True)]
        assert same == [True] * points + [False] * (12 - points)


@HOST
def test_workers_of_keras_tuner_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    with pytest.raises(RuntimeError, match=r"KERASTUNER_ORACLE_IP='127\.0\.0\.1'"):
        tuner(tmp_path)


@contextlib.contextmanager
def no_warning():
    """Let none pass that Python shows to users: of these two kinds it shows none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for hidden in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", hidden)
        yield
    assert [str(warning.message) for warning in caught] == []


@HOST
@pytest.mark.parametrize("kind", TUNERS)
def test_proposals_show_no_warning_of_the_libraries_beneath(kind, tmp_path):
    with no_warning():
        searched(tmp_path, kind)


@HOST
@pytest.mark.parametrize("pruner", [1, "median", "halving"])
def test_pruners_show_no_warning_of_the_libraries_beneath(pruner, tmp_path):
    with no_warning():
        trained(tmp_path, trials=7, pruner=pruner)
