"""What early stopping brings back beside weights, and beside other callbacks that move them."""

import itertools
import random

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit import layers
from keras_trainkit import optimizers as ours
from keras_trainkit.callbacks import EarlyStopping, SwapIterate
from keras_trainkit.schedules import NaturalExponentialDecay
from tests.callbacks.early_stopping.histories import arguments_of, random_history, random_rules
from tests.callbacks.stopped import BEST, SCORES, EpochCounter, Scores, assert_holds
from tests.contracts import array, assert_close
from tests.references.early_stopping import Measured, Outcome, Rules, early_stopping
from tests.selection import full_on_torch

EPOCHS = len(SCORES)


def data(rows=20):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 3)).astype("float32")
    return x, x[:, :1] * 2 - 1


def model(optimizer, policy="float32"):
    """Return the same model at every call."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(3)
    hidden = [
        keras.layers.Dense(4, "tanh"),
        layers.BatchNormalization(),
        layers.Dropout(0.2, seed=1),
        keras.layers.Dropout(0.2, seed=2),
    ]
    made = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1, dtype="float32")])
    made.compile(optimizer(), "mse")
    return made


def fit(trained, *callbacks, epochs=EPOCHS, **arguments):
    x, y = data()
    settings = {"batch_size": 4, "shuffle": False, "verbose": 0, "epochs": epochs, **arguments}
    return trained.fit(x, y, callbacks=list(callbacks), **settings).history


def everything(trained):
    return [array(v) for v in (*trained.variables, *trained.optimizer.variables)]


def stopping(**arguments):
    return EarlyStopping("score", mode="min", **{"patience": 2, **arguments})


OPTIMIZERS = {
    "Adam on a schedule": lambda: keras.optimizers.Adam(NaturalExponentialDecay(0.05, 1, 0.02)),
    "Adam of ours on a schedule": lambda: ours.Adam(NaturalExponentialDecay(0.05, 1, 0.02)),
    "accumulation": lambda: keras.optimizers.Adam(0.05, gradient_accumulation_steps=3),
    "accumulation, ours": lambda: ours.Adam(0.05, gradient_accumulation_steps=3),
    "loss scaling": lambda: keras.optimizers.LossScaleOptimizer(ours.NAG(0.05), 64.0, 3),
    "mixed_float16": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.05), 64.0, 3
    ),
}


@pytest.mark.parametrize(
    "name",
    full_on_torch(OPTIMIZERS, keep=("Adam of ours on a schedule", "loss scaling", "mixed_float16")),
)
def test_goes_on_as_a_twin_that_trained_to_the_best_epoch(name):
    policy = "mixed_float16" if name == "mixed_float16" else "float32"
    trained, twin = (model(OPTIMIZERS[name], policy) for _ in range(2))
    fit(trained, Scores(SCORES), stopping(restore="state"))
    fit(twin, epochs=BEST + 1)
    for _ in range(2):
        for mine, expected in zip(everything(trained), everything(twin), strict=True):
            np.testing.assert_array_equal(mine, expected)
        assert fit(trained, epochs=2) == fit(twin, epochs=2)


def test_weights_alone_leave_optimizer_and_seeds_at_the_last_epoch():
    trained, last = (model(OPTIMIZERS["Adam of ours on a schedule"]) for _ in range(2))
    fit(trained, Scores(SCORES), stopping())
    fit(last, epochs=4)
    for mine, expected in zip(trained.optimizer.variables, last.optimizer.variables, strict=True):
        np.testing.assert_array_equal(array(mine), array(expected))


def averaging():
    return keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("now")


def fit_to_an_end(trained, swap, restore, ends):
    """Train with `swap` in front of early stopping until it stops, fails, or has no more epochs."""
    callback = stopping(restore=restore, patience=2 if ends == "early" else 9)
    callbacks = [swap, Scores(SCORES), callback]
    if ends == "by an error":
        with pytest.raises(RuntimeError, match="now"):
            fit(trained, *callbacks, Fails())
    else:
        fit(trained, *callbacks)


def assert_near(trained, twin):
    for mine, expected in zip(trained.get_weights(), twin.get_weights(), strict=True):
        assert_close(mine, expected)


ENDS = pytest.mark.parametrize(
    ("restore", "ends"),
    full_on_torch(
        itertools.product(("weights", "state"), ("early", "by itself", "by an error")),
        keep=[("weights", "early"), ("state", "by an error")],
    ),
)


@ENDS
def test_restores_the_average_that_swap_ema_weights_shows(restore, ends):
    trained, twin = model(averaging), model(averaging)
    fit(twin, epochs=BEST + 1)
    fit_to_an_end(trained, keras.callbacks.SwapEMAWeights(swap_on_epoch=True), restore, ends)
    assert_near(trained, twin)  # On TensorFlow the swap itself rounds.


# On JAX Keras itself cannot go on under `use_ema`, so that there is no twin.
@pytest.mark.backend("tensorflow", "torch")
def test_goes_on_from_the_average_of_the_best_epoch():
    trained, twin = model(averaging), model(averaging)
    fit(trained, Scores(SCORES), stopping(restore="state"))
    fit(twin, epochs=BEST + 1)
    for _ in range(2):
        assert fit(trained, epochs=2) == fit(twin, epochs=2)


@ENDS
def test_restores_the_iterate_that_swap_iterate_shows(restore, ends):
    trained, twin = model(lambda: ours.NAG(0.05)), model(lambda: ours.NAG(0.05))
    fit(twin, epochs=BEST + 1)
    fit_to_an_end(trained, SwapIterate(), restore, ends)
    assert_holds(trained, twin.get_weights())
    if restore == "state":
        fit(trained, epochs=2)
        fit(twin, epochs=2)
        assert_near(trained, twin)


@pytest.mark.short("torch")
def test_keeps_best_weights_and_patience_over_two_fits_when_told_so():
    trained = model(lambda: keras.optimizers.Adam(0.05))
    callback = stopping(reset_on_fit=False, patience=3)
    first = Scores(SCORES)
    fit(trained, first, callback, epochs=3)
    assert (callback.wait, callback.best, callback.report.reason) == (1, 3.0, "end")
    history = fit(trained, Scores([4.0, 3.5, 1.0]), callback, epochs=3)
    assert history["score"] == [4.0, 3.5]
    assert (callback.stopped_epoch, callback.report.reason) == (1, "patience")
    assert_holds(trained, first.weights[BEST])
    # Its patience is over: one more check without a gain ends the next one.
    assert len(fit(trained, Scores([9.0, 9.0]), callback, epochs=2)["score"]) == 1
    assert_holds(trained, first.weights[BEST])


@pytest.mark.host
def test_goes_on_from_its_state_in_a_file_as_if_never_interrupted(tmp_path):
    draw = random.Random(1)
    for _ in range(300):
        rules = random_rules(draw)
        rules.modes = ("min",) * len(rules.modes)
        history = random_history(draw, len(rules.modes))
        expected = early_stopping(history, rules)
        cut = draw.randrange(expected.epochs)
        assert resumed(history, rules, cut, tmp_path) == expected, (rules, history, cut)


@pytest.mark.host
@pytest.mark.parametrize("cut", [1, 2])
def test_goes_on_counting_gaps_from_its_state(cut, tmp_path):
    history = [Measured((5.0 - epoch,), 0.0) for epoch in range(6)]
    rules = Rules(patience=3, max_gap=0.5)
    assert resumed(history, rules, cut, tmp_path) == Outcome(3, 2, 3.0, 2, "gap", 2)


def resumed(history, rules, cut, folder) -> Outcome:
    """Feed one callback the epochs before the cut, another the rest; only a file between them."""
    path = str(folder / "state")
    first, second = (EarlyStopping(**arguments_of(rules), mode="min") for _ in range(2))
    weights, _ = feed(first, history, range(cut), [-1])
    archive.write(path, first.get_state())
    _, epochs = feed(second, history, range(cut, len(history)), weights, archive.read(path))
    second.on_train_end()
    best, best_epoch, reason = second.best, second.best_epoch, second.report.reason
    (restored,) = second.model.weights
    return Outcome(epochs, second.stopped_epoch, best, best_epoch, reason, restored)


@pytest.mark.host
def test_goes_on_counting_steps_from_its_state():
    first, second = (stopping(every=2) for _ in range(2))
    for callback in (first, second):
        callback.set_model(EpochCounter())
        callback.on_train_begin()
    first.on_epoch_begin(0)
    for batch, score in enumerate((9.0, 3.0, 9.0)):
        first.on_train_batch_end(batch, {"score": score})
    assert (first.report.checks, first.report.best_step) == (1, 2)
    second.set_state(first.get_state())
    second.on_epoch_begin(1)
    for batch, score in enumerate((1.0, 0.0)):
        second.on_train_batch_end(batch, {"score": score})
    assert (second.report.checks, second.report.best_step) == (2, 4)


def feed(callback, history, epochs, weights, state=None):
    """Feed the callback these epochs until it stops; return the last weights and how many."""
    callback.set_model(EpochCounter())
    callback.model.weights = weights
    callback.on_train_begin()
    epoch = -1
    if state is not None:
        callback.set_state(state)
    for epoch in epochs:
        callback.model.weights = [epoch]
        measured = history[epoch]
        logs = {}
        if measured:
            logs = {f"val_{place}": value for place, value in enumerate(measured.values)}
            if measured.in_training is not None:
                logs["0"] = measured.in_training
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs)
        if callback.model.stop_training:
            break
    return callback.model.weights, epoch + 1
