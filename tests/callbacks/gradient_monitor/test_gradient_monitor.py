"""The contract: what the monitor leaves alone, what it keeps, what it refuses."""

import copy
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_trainkit
from keras_trainkit._keras_internals import trained_variables
from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.monitored import (
    assert_same_training,
    compiled,
    fit,
    functional,
    sequential,
    softmax,
)
from tests.contracts import run_in_fresh_process

pytestmark = pytest.mark.oldest


def test_training_with_dropout_and_validation_is_the_same_bit_for_bit():
    plain, model = compiled(functional), compiled(functional)
    expected = fit(plain, validation_split=0.2)
    history = fit(model, [GradientMonitor(every=1, fetch_every=2)], validation_split=0.2)
    assert_same_training(model, history, plain, expected)
    assert set(history) - set(expected) == {"grad_norm", "update_ratio"}
    assert set(vars(model)) == set(vars(plain))
    assert set(vars(model.optimizer)) == set(vars(plain.optimizer))


def test_momentum_on_a_gradient_that_is_a_product_is_the_same_bit_for_bit():
    optimizers = [keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True) for _ in range(2)]
    plain, model = (compiled(optimizer=optimizer) for optimizer in optimizers)
    expected = fit(plain, epochs=8)
    assert_same_training(model, fit(model, [GradientMonitor(every=1)], epochs=8), plain, expected)


def test_files_saved_during_and_after_training_hold_nothing_of_it(tmp_path):
    for name, callbacks in {"plain": [], "monitored": [GradientMonitor(every=1)]}.items():
        model = compiled()
        save = keras.callbacks.ModelCheckpoint(tmp_path / f"{name}-{{epoch}}.keras", save_freq=2)
        fit(model, [*callbacks, save], rows=16)
        model.save(tmp_path / f"{name}-end.keras")
    for moment in ("1", "2", "end"):
        plain, monitored = (
            stored_variables(tmp_path / f"{name}-{moment}.keras") for name in ("plain", "monitored")
        )
        assert plain.keys() == monitored.keys()
        for path, values in plain.items():
            np.testing.assert_array_equal(monitored[path], values, err_msg=path)
    load = """
import sys
sys.modules["keras_trainkit"] = None
import keras
for path in sys.argv[1:]:
    print(len(keras.models.load_model(path).optimizer.variables))
"""
    paths = [tmp_path / f"monitored-{moment}.keras" for moment in ("1", "end")]
    assert run_in_fresh_process(load, *paths).split() == ["14", "14"]


def stored_variables(path):
    """Return every array of a `.keras` file by its place in it."""
    found = {}
    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as stream,
        h5py.File(stream, "r") as file,
    ):
        file.visititems(lambda name, item: collect(found, name, item))
    return found


def collect(found, name, item):
    if isinstance(item, h5py.Dataset):
        found[name] = item[()]


def test_second_fit_counts_on_and_a_fit_without_is_as_ever():
    plain, model = compiled(softmax), compiled(softmax)
    monitor = GradientMonitor(every=1)
    logged = []
    for twin, callbacks in ((plain, []), (model, [monitor])):
        fit(twin, callbacks, rows=16)
        fit(twin, callbacks, rows=16, epochs=3, initial_epoch=2)
        logged.append(fit(twin, rows=16, epochs=1))
    assert_same_training(model, logged[1], plain, logged[0])
    assert monitor.history.steps.tolist() == [4, 5]
    assert monitor.history.epochs.tolist() == [2, 2]


class Copies(keras.callbacks.Callback):
    def __init__(self, monitor):
        super().__init__()
        self.monitor, self.made = monitor, []

    def on_epoch_end(self, epoch, logs=None):
        self.made += [copy.deepcopy(self.monitor), pickle.loads(pickle.dumps(self.monitor))]


def test_copies_made_at_any_time_hold_the_record_and_can_train():
    monitor = copy.deepcopy(GradientMonitor(every=1, fetch_every=3))
    copies = Copies(monitor)
    model = compiled(softmax)
    fit(model, [monitor, copies], rows=16)
    lengths = [len(made.history.steps) for made in copies.made]
    assert lengths == [2, 2, 4, 4]
    last = copies.made[-1]
    np.testing.assert_array_equal(last.history.table, monitor.history.table)
    fit(model, [last], rows=16, epochs=1)
    assert len(last.history.steps) == 2
    assert len(monitor.history.steps) == 4
    assert last.fetch_every == 3


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))


def test_logs_hold_the_epoch_mean_of_the_global_norm(capsys):
    monitor, seen = GradientMonitor(every=1, fetch_every=1), Seen()
    stop = keras.callbacks.EarlyStopping("grad_norm", mode="min", patience=9)
    logged = fit(compiled(softmax), [monitor, seen, stop], verbose=2)["grad_norm"]
    norms = monitor.history.global_norm.reshape(2, 3)
    np.testing.assert_allclose(logged, norms.mean(axis=1))
    assert capsys.readouterr().out.count("grad_norm: ") == 2
    np.testing.assert_array_equal(monitor.history.logs["grad_norm"], logged)
    np.testing.assert_array_equal(monitor.history.logs["epoch"], [0, 1])
    assert "grad_norm" not in seen.logs[0]
    np.testing.assert_allclose(seen.logs[2]["grad_norm"], norms[0, :2].mean())


def test_batch_ends_stay_asynchronous():
    callbacks = keras.callbacks.CallbackList([GradientMonitor(every=1)])
    plain = keras.callbacks.CallbackList([keras.callbacks.Callback()])
    assert callbacks._async_train == plain._async_train


def test_summary_and_plot_come_from_the_history():
    for probe, panels in (("first_batch", 6), (None, 4)):
        monitor = GradientMonitor(every=1, probe=probe)
        fit(compiled(softmax), [monitor], rows=16)
        assert "out/kernel" in str(monitor.summary())
        assert len(monitor.plot().axes) == panels


@pytest.mark.parametrize("value", [0, 1.5, True, "often"])
def test_fetch_every_must_be_a_positive_integer(value):
    with pytest.raises(ValueError, match="`fetch_every` must be an integer >= 1"):
        GradientMonitor(fetch_every=value)


def test_history_before_any_fit_is_an_error():
    with pytest.raises(RuntimeError, match="recorded nothing: no `fit` has trained with it"):
        GradientMonitor(every=1).summary()


def test_uncompiled_model_is_an_error():
    monitor = GradientMonitor(every=1)
    monitor.set_model(sequential())
    with pytest.raises(ValueError, match="`model` must be a compiled model"):
        monitor.on_train_begin()


def test_model_with_nothing_to_train_is_an_error():
    model = sequential()
    model.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="`model` must be a model with trainable weights"):
        fit(model, [GradientMonitor(every=1)])


def test_two_monitors_in_one_fit_are_an_error_and_the_model_trains_on():
    plain, model, once = compiled(softmax), compiled(softmax), GradientMonitor(every=1)
    fit(plain, rows=16)
    fit(model, rows=16)
    for pair in ([GradientMonitor(every=1), GradientMonitor(every=1)], [once, once]):
        with pytest.raises(ValueError, match="must hold one GradientMonitor"):
            fit(model, pair)
    expected = fit(plain, rows=16)
    assert_same_training(model, fit(model, rows=16), plain, expected)


def test_private_keras_attribute_is_what_it_was_and_touched_in_one_file():
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    for mine, theirs in zip(
        trained_variables(model.optimizer), model.trainable_variables, strict=True
    ):
        assert mine is theirs
    package = Path(keras_trainkit.__file__).parent
    sources = [p for p in package.rglob("*.py") if "optimizers" not in p.parts]
    users = [p.name for p in sources if "._trainable_variables" in p.read_text()]
    assert users == ["_keras_internals.py"]
