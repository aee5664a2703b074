"""Copies of callbacks that are made while `fit` runs, and after it: fit for another model."""

import copy
import io
import pickle

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, LearningRate, SwapIterate
from keras_trainkit.layers import Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ConstantLearningRate, CosineDecay, ExponentialDecay
from tests.callbacks.monitored import data
from tests.selection import full_on_torch

ROWS = 16


class Reading(pickle.Pickler):
    """Refuses what belongs to a running `fit`."""

    def persistent_id(self, value):
        of_fit = (keras.Model, keras.Variable, keras.optimizers.Optimizer, io.IOBase)
        assert not isinstance(value, of_fit), f"{type(value).__name__} goes with the copy"


def pickled(callback):
    content = io.BytesIO()
    Reading(content).dump(callback)
    return pickle.loads(content.getvalue())


class Copies(keras.callbacks.Callback):
    """Copies a callback in the middle of a step, of an epoch, between epochs, and at both ends."""

    def __init__(self, callback):
        super().__init__()
        self.callback, self.made = callback, []

    def make(self):
        self.made += [copy.deepcopy(self.callback), pickled(self.callback)]

    def on_train_begin(self, logs=None):
        self.make()

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 2:
            self.make()

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.make()

    on_test_begin = on_epoch_end = on_train_end = lambda self, *_, **__: self.make()


def network(units=4, optimizer=None):
    keras.utils.set_random_seed(1)
    layers = [Dropout(0.2, seed=1, name="drop"), keras.layers.Dense(units, "tanh", name="hidden")]
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(2, "softmax")])
    model.compile(optimizer or NAG(0.1, momentum=0.5), "sparse_categorical_crossentropy")
    return model


def fit(model, *callbacks):
    """Return what is left of a training of two epochs of four steps."""
    x, y = data(ROWS)
    history = model.fit(
        x,
        y,
        batch_size=4,
        epochs=2,
        validation_data=(x[:4], y[:4]),
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )
    optimizer = [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables]
    return history.history, model.get_weights(), optimizer


CALLBACKS = {
    "rate": lambda folder: LearningRate(CosineDecay(0.1, "100%").warmup("1 epoch")),
    "rate of Keras": lambda folder: LearningRate(
        keras.optimizers.schedules.CosineDecay(0.1, 8), log_dir=folder
    ),
    "numbers": lambda folder: LearningRate(
        ExponentialDecay(0.1, 4, 0.5),
        also={"momentum": CosineDecay(0.9, "100%"), "drop.rate": CosineDecay(0.4, "1 epoch")},
        log_dir=folder,
    ),
    "rate without a schedule": lambda folder: LearningRate(log_dir=folder),
    "monitor": lambda folder: GradientMonitor(
        1, ("full", "cosine"), probe="first_batch", log_dir=folder, fetch_every=3
    ),
    "rollback": lambda folder: GradientMonitor(on_nonfinite="rollback"),
    "iterate": lambda folder: SwapIterate(),
    "stopping": lambda folder: EarlyStopping(patience=3, restore="state"),
    "stopping on disk": lambda folder: EarlyStopping(
        "loss", patience=9, every=3, directory=folder / "best"
    ),
}


@pytest.mark.parametrize("name", full_on_torch(CALLBACKS, keep=("numbers",)))
def test_copies_serve_another_model_and_leave_the_training_as_it_is(name, tmp_path):
    make = CALLBACKS[name]
    alone = fit(network(), make(tmp_path / "alone"))
    callback = make(tmp_path / "copied")
    copies = Copies(callback)
    np.testing.assert_equal(fit(network(), callback, copies), alone)
    assert len(copies.made) >= 20
    expected = fit(network(units=5), make(tmp_path / "alone"))
    some = [*copies.made[-4:], *copies.made[::5]]
    for made in some if keras.backend.backend() == "torch" else copies.made[5:6]:
        np.testing.assert_equal(fit(network(units=5), made), expected)


def test_copies_keep_the_multiplier():
    class Halving(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.05 * 0.5**epoch

    callback = LearningRate(ConstantLearningRate(0.1))
    copies = Copies(callback)
    fit(network(), callback, Halving(), copies)
    assert callback.multiplier == pytest.approx(0.25)

    for made in (copy.deepcopy(callback), pickled(callback), pickled(pickled(callback))):
        assert made.multiplier == pytest.approx(0.25)
        x, y = data(ROWS)
        model = network()
        model.fit(x, y, initial_epoch=1, epochs=2, batch_size=16, verbose=0, callbacks=[made])
        assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) < 0.03
