"""Programs for KerasTuner, of the kinds that its guide shows, with another import and no more."""

import keras_tuner
import pytest

from keras_trainkit import tuner
from tests.tuner.searches import TUNERS
from tests.tuner.test_search import iris

THEIRS, OURS = "import keras_tuner", "import keras_trainkit.tuner as keras_tuner"
# A function: widths for a number of layers, a switch, a rate on a logarithmic scale.
FUNCTION = """
import keras
import keras_tuner

def build_model(hp):
    model = keras.Sequential([keras.Input((4,))])
    for i in range(hp.Int("layers", 1, 3)):
        units = hp.Int(f"units_{i}", min_value=8, max_value=24, step=8)
        model.add(keras.layers.Dense(units, activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(3, activation="softmax"))
    rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model

build_model(keras_tuner.HyperParameters())
tuner = getattr(keras_tuner, KIND)(
    hypermodel=build_model, objective="val_accuracy", directory=FOLDER, overwrite=True, max_trials=2
)
tuner.search(x, y, epochs=2, validation_data=validation_data, verbose=0)
best = tuner.get_best_hyperparameters(5)[0]
model = tuner.hypermodel.build(best)
model.fit(x, y, verbose=0)
"""
# A class that tunes how it trains, and is judged by a metric of its own name.
CLASS = """
import keras
import keras_tuner

class Network(keras_tuner.HyperModel):
    def build(self, hp):
        hidden = keras.layers.Dense(hp.Int("units", 4, 16), activation="relu")
        output = keras.layers.Dense(3, activation="softmax")
        model = keras.Sequential([keras.Input((4,)), hidden, output])
        metric = keras.metrics.SparseCategoricalCrossentropy(name="entropy")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=[metric])
        return model

    def fit(self, hp, model, x, y, **kwargs):
        size = hp.Choice("batch_size", [16, 32])
        return model.fit(x, y, shuffle=hp.Boolean("shuffle"), batch_size=size, **kwargs)

tuner = getattr(keras_tuner, KIND)(
    Network(),
    objective=keras_tuner.Objective("val_entropy", direction="min"),
    directory=FOLDER,
    max_trials=2,
)
tuner.search(x, y, epochs=2, validation_data=validation_data, verbose=0)
model = tuner.get_best_models(num_models=2)[0]
"""
# A class whose one method does everything, and returns what is to be small.
WHOLE = """
import keras_tuner

class Search(getattr(keras_tuner, KIND)):
    def run_trial(self, trial, **kwargs):
        return (trial.hyperparameters.Float("x", -1.0, 1.0) - 0.5) ** 2

tuner = Search(directory=FOLDER, max_trials=2)
tuner.search(verbose=0)
best = tuner.get_best_hyperparameters()[0].get("x")
"""


# How much is searched, in the words of a tuner.
MOST = {"Hyperband": "max_epochs=2"}


def run(program, kind, folder):
    program = program.replace("max_trials=2", MOST.get(kind, "max_trials=2"))
    names = {"KIND": kind, "FOLDER": str(folder), **iris()}
    exec(compile(program, "program", "exec"), names)
    return names["tuner"]


PROGRAMS = {"function": FUNCTION, "class": CLASS, "whole": WHOLE}
every_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
# Keras says so where an optimizer that has not trained is loaded.
pytestmark = pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")


@pytest.mark.short("torch")
@pytest.mark.parametrize("kind", TUNERS)
@every_program
def test_a_program_for_keras_tuner_runs(program, kind, tmp_path):
    made = run(program.replace(THEIRS, OURS), kind, tmp_path)
    assert isinstance(made, getattr(tuner, kind))
    assert {trial.status for trial in made.oracle.trials.values()} == {"COMPLETED"}


@pytest.mark.short("torch")
@every_program
def test_it_is_a_program_for_keras_tuner(program, tmp_path):
    made = run(program, "RandomSearch", tmp_path)
    assert isinstance(made, keras_tuner.RandomSearch)
    assert program.count(THEIRS) == 1


@pytest.mark.host
@pytest.mark.parametrize("name", ["HyperModel", "HyperParameters", "Objective"])
def test_what_a_hypermodel_is_written_with_is_keras_tuners(name):
    assert getattr(tuner, name) is getattr(keras_tuner, name)
