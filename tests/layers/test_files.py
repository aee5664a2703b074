"""Files: to and from Keras's layers, and into a new process."""

import itertools
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_trainkit import layers
from keras_trainkit.layers import BatchNormalization
from tests.contracts import array, assert_close, assert_same_weights, run_in_fresh_process
from tests.selection import full_on_torch, pairs

pytestmark = pytest.mark.oldest

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")

CASES = [{"rate": 0.0}, {"rate": 0.3}]
if "renorm" in keras.layers.BatchNormalization().get_config():  # not in Keras 3.12
    CASES.append({"renorm": True})


def model_of(kit, rate=0.3, **arguments):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5),
            kit.BatchNormalization(**arguments),
            kit.Dropout(rate, seed=1),
            kit.BatchNormalization(scale=False),
            keras.layers.Dense(4),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def trained(kit, **arguments):
    model = model_of(kit, **arguments)
    model.fit(X, X, batch_size=8, epochs=2, verbose=0)
    return model


FILES, WAYS = ["model.weights.h5", "model.keras"], ["from Keras", "to Keras"]


@pytest.mark.parametrize(
    ("file", "arguments", "way"),
    full_on_torch(itertools.product(FILES, CASES, WAYS), keep=pairs(FILES, CASES, WAYS)),
)
def test_weights_files_interchange_with_keras(file, arguments, way, tmp_path):
    kits = {"keras": keras.layers, "ours": layers}
    source, target = ("keras", "ours") if way == "from Keras" else ("ours", "keras")
    model = trained(kits[source], **arguments)
    if file.endswith(".keras"):
        model.save(tmp_path / file)
    else:
        model.save_weights(tmp_path / file)
    other = model_of(kits[target], **arguments)
    other.load_weights(tmp_path / file)
    assert_same_weights(other, model)
    assert_close(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_only_counters_make_other_weights_files_than_keras(tmp_path):
    model = trained(layers, ghost_batch_size=3, unbiased=True, synchronized=False)
    model.save_weights(tmp_path / "model.weights.h5")
    other = model_of(keras.layers)
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_weights(other, model)
    counting = BatchNormalization(momentum=None)
    counting.build((None, 4))
    assert [weight.name for weight in counting.weights[4:]] == ["steps"]


def test_a_loaded_keras_model_becomes_ours_by_cloning(tmp_path):
    model = trained(keras.layers, rate=0.0)
    model.save(tmp_path / "model.keras")

    def ours(layer):
        kind = getattr(layers, type(layer).__name__, type(layer))
        return kind.from_config(layer.get_config())

    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(loaded, clone_function=ours)
    clone.set_weights(loaded.get_weights())
    assert [type(layer).__module__.split(".")[0] for layer in clone.layers[1:4]] == (
        ["keras_trainkit"] * 3
    )
    assert_close(clone.predict(X, verbose=0), model.predict(X, verbose=0))
    clone.layers[2].rate = 0.5
    assert (array(clone.layers[2](X, training=True)) == 0).any()


@pytest.fixture(scope="module")
def fresh_process(tmp_path_factory):
    """Save a trained model; return it, and what a new process made of the file."""
    file = tmp_path_factory.mktemp("files") / "model.keras"
    model = trained(layers, rate=0.0, renorm=True, momentum_warmup=True, unbiased=True)
    model.save(file)
    script = Path(__file__).with_name("fresh_process.py").read_text()
    return model, json.loads(run_in_fresh_process(script, file).splitlines()[-1])


def test_training_continues_identically_in_a_new_process(fresh_process):
    model, found = fresh_process
    assert int(array(model.layers[1].steps)) == 8
    np.testing.assert_array_equal(model.predict(X, verbose=0), np.float32(found["predictions"]))
    model.fit(X, X, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), found["weights"], strict=True):
        np.testing.assert_array_equal(mine, np.float32(theirs))


@pytest.mark.backend("tensorflow")
def test_synchronized_replicas_train_like_one_device(fresh_process):
    _, found = fresh_process
    for mine, whole in zip(found["synchronized"], found["one_device"], strict=True):
        np.testing.assert_allclose(mine, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.backend("tensorflow")
def test_empty_replica_leaves_its_statistics_as_they_are(fresh_process):
    _, found = fresh_process
    averages, of_ghosts = found["means_after_an_empty_replica"]
    first, last = X[:8].reshape(2, 4, 4).mean(1), X[8]
    np.testing.assert_allclose(averages, [(first[0] + last) / 2, first[1]], rtol=1e-5)
    assert np.isfinite(of_ghosts).all()


@pytest.mark.backend("tensorflow")
def test_rate_holds_on_all_replicas(fresh_process):
    _, found = fresh_process
    np.testing.assert_allclose(found["dropped_per_replica"], [0.5, 0.5], atol=0.05)
