"""Trials that are stopped because their gradients show that they cannot learn."""

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.tuner import RandomSearch

EPOCHS = 20


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8)).astype("float32")
    y = (x @ rng.normal(size=8) > 0).astype("int32")
    return {"x": x[:192], "y": y[:192], "validation_data": (x[192:], y[192:])}


def build(hp):
    """Return a network that learns, one whose gradients vanish, or one whose units are dead."""
    kind = hp.Choice("kind", ["sound", "vanishing", "dead"])
    layers = [keras.Input((8,))]
    if kind == "vanishing":
        layers += [keras.layers.Dense(16, "sigmoid") for _ in range(12)]
    elif kind == "dead":
        layers += [
            keras.layers.Dense(16, "relu", bias_initializer=keras.initializers.Constant(-50))
        ]
    else:
        layers += [keras.layers.Dense(16, "relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
    model.compile(
        keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def searched(folder, callbacks=(), **options):
    made = RandomSearch(
        build, "val_accuracy", max_trials=3, seed=0, directory=folder, diagnose=True, **options
    )
    made.search(**data(), epochs=EPOCHS, batch_size=32, verbose=0, callbacks=list(callbacks))
    return {
        trial.hyperparameters["kind"]: (trial, len(record["executions"][0]["loss"]))
        for trial, record in made.oracle.records()
    }


@pytest.mark.short("torch")
@pytest.mark.parametrize("callbacks", [(), (GradientMonitor(),)], ids=["none", "monitor"])
def test_what_cannot_learn_is_stopped_with_the_finding(callbacks, tmp_path, capfd):
    found = searched(tmp_path, callbacks)
    assert capfd.readouterr().out == ""
    sound, length = found["sound"]
    assert (sound.message, length) == (None, EPOCHS)
    for kind, label in (("vanishing", "vanishing gradient"), ("dead", "dead units")):
        trial, length = found[kind]
        assert length <= 0.25 * EPOCHS
        assert trial.status == "COMPLETED"
        assert trial.message.startswith(f"Stopped after epoch {length} by its gradients: {label}, ")
    assert sound.score > max(found["vanishing"][0].score, found["dead"][0].score)


@pytest.mark.host
def test_diagnose_is_a_bool(tmp_path):
    with pytest.raises(ValueError, match="`diagnose` must be"):
        RandomSearch(build, "val_accuracy", directory=tmp_path, diagnose="yes")
