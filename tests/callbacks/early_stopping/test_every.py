"""Checks inside an epoch, of which the training notices nothing."""

import re

import keras
import numpy as np
import pytest

from keras_trainkit import layers
from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import assert_holds

STEPS = 5
EPOCHS = 3


def data(rows=20, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3)).astype("float32")
    return x, x[:, :1] * 2 - 1


def model(**compile_arguments):
    """Return the same model at every call."""
    keras.utils.set_random_seed(3)
    hidden = [
        keras.layers.Dense(4, "tanh"),
        layers.BatchNormalization(),
        layers.Dropout(0.2, seed=1),
    ]
    made = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1)])
    made.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"], **compile_arguments)
    return made


def fit(trained, *callbacks, x=None, **arguments):
    x, y = data()
    settings = {"batch_size": 4, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    return trained.fit(x, y, callbacks=list(callbacks), **{**settings, **arguments}).history


class Look(keras.callbacks.Callback):
    """Keeps, after every step, the weights and the mean loss over the epoch so far."""

    def __init__(self):
        super().__init__()
        self.weights, self.losses = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([np.array(weight) for weight in self.model.get_weights()])
        self.losses.append(float(logs["loss"]))


def validated(trained, weights):
    """Return the validation loss of a model that holds these weights."""
    trained.set_weights(weights)
    return trained.evaluate(*data(9, seed=1), batch_size=4, verbose=0)[0]


def test_leaves_weights_and_logs_of_the_epochs_bit_for_bit():
    plain = model()
    settings = {"validation_data": data(9, seed=1), "validation_freq": 2}
    expected = fit(plain, **settings)
    for monitor, every in (("mae", 1), ("val_loss", 3), (("val_mae", "loss"), 1)):
        checked = model()
        stopping = EarlyStopping(monitor, patience=99, every=every, restore_best_weights=False)
        assert fit(checked, stopping, **settings) == expected
        assert stopping.report.checks == STEPS * EPOCHS // every
        assert_holds(checked, plain.get_weights())


@pytest.mark.short("torch")
def test_restores_the_step_with_the_best_mean_loss_so_far():
    trained, look = model(), Look()
    stopping = EarlyStopping("loss", patience=99, every=2)
    fit(trained, look, stopping)
    checked = range(1, STEPS * EPOCHS, 2)
    best = min(checked, key=look.losses.__getitem__)
    assert stopping.report.best_step == best + 1
    assert stopping.best_epoch == best // STEPS
    assert stopping.best == look.losses[best]
    assert_holds(trained, look.weights[best])


def test_restores_the_step_with_the_best_validation():
    trained, look = model(), Look()
    stopping = EarlyStopping(patience=99, every=4)
    fit(trained, look, stopping, validation_data=data(9, seed=1))
    twin = model()
    checked = range(3, STEPS * EPOCHS, 4)
    losses = {step: validated(twin, look.weights[step]) for step in checked}
    best = min(losses, key=losses.__getitem__)
    assert stopping.report.best_step == best + 1
    assert stopping.best == pytest.approx(losses[best], rel=1e-5)
    assert_holds(trained, look.weights[best])


@pytest.mark.short("torch")
def test_stops_in_the_middle_of_the_first_epoch():
    trained, look = model(), Look()
    trained.optimizer.learning_rate = 0.0
    stopping = EarlyStopping(patience=2, every=1)
    history = fit(trained, look, stopping, batch_size=1, validation_data=data(9, seed=1))
    assert len(history["loss"]) == 1
    assert stopping.report.reason == "patience"
    assert len(look.losses) == stopping.report.checks < 20


def test_validates_by_the_batches_and_sample_weights_of_fit():
    x, y = data(9, seed=1)
    weights = np.arange(9) / 9
    seen = []

    class Sized(keras.losses.Loss):
        def call(self, y, y_pred):
            seen.append(y.shape[0])
            return keras.ops.mean((y - y_pred) ** 2, axis=-1)

    trained = model(run_eagerly=True)
    trained.compile("sgd", Sized(), run_eagerly=True)
    stopping = EarlyStopping(patience=99, every=STEPS, restore_best_weights=False)
    settings = {"validation_batch_size": 3, "validation_steps": 2, "epochs": 1}
    history = fit(trained, stopping, validation_data=(x, y, weights), **settings)
    assert seen.count(3) == 2 + 2
    assert stopping.best == pytest.approx(history["val_loss"][0], rel=1e-6)


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.filterwarnings("ignore:EarlyStopping compared nothing")
def test_checks_after_the_execution_that_completes_a_period():
    trained = model(steps_per_execution=2)
    stopping = EarlyStopping("loss", patience=99, every=3)
    steps = []
    stopping._check = lambda epoch, logs: steps.append(stopping._progress.step)
    fit(trained, stopping, epochs=2)
    assert steps == [4, 7, 9]


@pytest.mark.backend("torch")
def test_leaves_torch_modules_in_training():
    trained, modes = model(), set()

    class Modes(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            modes.add(all(module.training for module in self.model.modules()))

    stopping = EarlyStopping(patience=99, every=1)
    fit(trained, stopping, Modes(), validation_data=data(9, seed=1))
    assert modes == {True}


@pytest.mark.short("torch")
@pytest.mark.parametrize("settings", [{}, {"validation_split": 0.2}])
def test_asks_for_the_validation_data_that_a_validation_metric_needs(settings):
    message = (
        "`validation_data` must be passed to `fit`, for a validation metric is to be checked "
        "inside an epoch. Received: validation_data=None"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit(model(), EarlyStopping(every=2), **settings)
    fit(model(), EarlyStopping("loss", every=2), **settings, epochs=1)


@pytest.mark.short("torch")
def test_refuses_a_metric_that_no_step_logs():
    with pytest.raises(ValueError, match=r"^`monitor` must be among what an epoch logs: loss, mae"):
        fit(model(), EarlyStopping("accuracy", every=2))
