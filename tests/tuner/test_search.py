"""HyperMLP under KerasTuner's own tuners, on iris."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.datasets import load_iris

from keras_trainkit import optimizers
from keras_trainkit.tuner import HyperMLP
from tests.contracts import array, run_in_fresh_process

MLP = {
    "input_shape": (4,),
    "classes": 3,
    "hidden_layers": 1,
    "width": 8,
    "activation": "relu",
    "batch_norm": False,
    "dropout": False,
    "regularizer": False,
    "optimizer": "nag",
    "schedule": False,
    "batch_size": 50,
}


def iris():
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(x))
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")[order]
    y = y[order]
    return {"x": x[:100], "y": y[:100], "validation_data": (x[100:], y[100:])}


def tuner(directory, arguments, kind="RandomSearch", **options):
    return getattr(keras_tuner, kind)(
        HyperMLP(**arguments),
        objective="val_accuracy",
        directory=directory,
        project_name="search",
        seed=1,
        **options,
    )


class Starts(keras.callbacks.Callback):
    """Collects, over all copies that a search makes, (epochs, steps per epoch, steps behind)."""

    seen = []

    def on_train_begin(self, logs=None):
        steps = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self.seen.append((self.params["epochs"], self.params["steps"], steps))


@pytest.fixture
def seen():
    Starts.seen.clear()
    return Starts.seen


@pytest.mark.oldest
def test_random_search_reloads_the_model_that_it_scored(tmp_path, monkeypatch, capfd, seen):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    arguments = {
        "input_shape": (4,),
        "classes": 3,
        "hidden_layers": 1,
        "width": [4, 8],
        "optimizer": ["nag", "adam"],
    }
    search = tuner(tmp_path / "runs", arguments, max_trials=2)
    space = {each.name for each in search.oracle.get_space().space}
    search.search(**iris(), epochs=2, verbose=0, callbacks=[Starts()])

    trials = list(search.oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    assert {each.name for each in search.oracle.get_space().space} == space
    sizes = [trial.hyperparameters.get("batch_size") for trial in trials]
    assert seen == [(2, -(-100 // size), 0) for size in sizes]
    best = search.get_best_models()[0]
    _, score = best.evaluate(*iris()["validation_data"], verbose=0)
    assert score == search.oracle.get_best_trials()[0].score
    assert capfd.readouterr().out == ""
    assert list(here.iterdir()) == []


def state(model):
    """Return the arrays of a model's weights and of its optimizer's variables."""
    return [array(variable) for variable in (*model.variables, *model.optimizer.variables)]


NEW_PROCESS = """
import json, sys
import keras
import keras_trainkit
early = [name for name in ("keras_tuner", "keras_trainkit.tuner") if name in sys.modules]
if keras.backend.backend() != "tensorflow":
    sys.modules["tensorflow"] = None
sys.modules["keras_tuner"] = None
try:
    import keras_trainkit.tuner
except ImportError as error:
    missing = str(error)
del sys.modules["keras_tuner"]

import keras_tuner
import numpy as np
from keras_trainkit.tuner import HyperMLP
directory, arguments = sys.argv[1], json.loads(sys.argv[2])
search = keras_tuner.RandomSearch(
    HyperMLP(**arguments), "val_accuracy", directory=directory, project_name="search"
)
model = search.get_best_models()[0]
variables = (*model.variables, *model.optimizer.variables)
np.savez(f"{directory}/state.npz", *map(keras.ops.convert_to_numpy, variables))
print(json.dumps({"early": early, "missing": missing}))
"""


@pytest.mark.oldest
def test_a_new_process_with_one_backend_finds_the_best_model_again(tmp_path):
    search = tuner(tmp_path, MLP, max_trials=1)
    search.search(**iris(), epochs=1, verbose=0)
    shown = run_in_fresh_process(NEW_PROCESS, tmp_path, json.dumps(MLP))
    assert json.loads(shown.splitlines()[-1]) == {
        "early": [],
        "missing": "keras_trainkit.tuner needs KerasTuner and Optuna: "
        'pip install "keras_trainkit[tuner]"',
    }
    loaded = np.load(tmp_path / "state.npz")
    best = search.get_best_models()[0]
    assert isinstance(best.optimizer, optimizers.NAG)
    for mine, theirs in zip(state(best), loaded.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_hyperband_continues_the_optimizer_of_a_promoted_trial(tmp_path, seen):
    arguments = {**MLP, "width": [4, 5, 6, 7, 8], "batch_norm": False, "optimizer": "adam"}
    search = tuner(tmp_path, arguments, "Hyperband", max_epochs=2, factor=2)
    search.oracle.max_trials = 3
    search.search(**iris(), verbose=0, callbacks=[Starts()])
    trials = search.oracle.trials.values()
    assert {trial.status for trial in trials} == {"COMPLETED"}
    started = [trial.hyperparameters.get("tuner/initial_epoch") for trial in trials]
    assert started == [0, 0, 1]
    assert [steps for _, _, steps in seen] == [2 * epoch for epoch in started]


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("kind", "options"),
    [("GridSearch", {}), ("BayesianOptimization", {"num_initial_points": 1})],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_runs_under_the_other_tuners(kind, options, tmp_path):
    search = tuner(tmp_path, {**MLP, "width": [4, 8]}, kind, max_trials=2, **options)
    search.search(**iris(), epochs=1, verbose=0)
    trials = search.oracle.trials.values()
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2
    assert len({str(trial.hyperparameters.values) for trial in trials}) == 2


def test_a_batch_size_given_twice_stops_the_search_at_once(tmp_path):
    search = tuner(tmp_path, MLP, max_trials=3)
    with pytest.raises(keras_tuner.errors.FatalValueError, match="batch_size=10"):
        search.search(**iris(), batch_size=10, verbose=0)
