"""A model, its data, and the callbacks around early stopping in its tests."""

import keras
import numpy as np

from keras_trainkit import _archive as archive

SCORES = [5.0, 3.0, 4.0, 4.0, 4.0, 4.0]
BEST = 1
FAILING_EPOCH = 3


class EpochCounter:
    """Stands for a model: its only weight is the number of the epoch that it has finished."""

    stop_training = False
    weights = [-1]
    metrics = ()

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = weights


class Scores(keras.callbacks.Callback):
    """Write given values into the logs as `score`, and keep a copy of each epoch's weights."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.values[epoch]
        self.weights.append([np.array(weight) for weight in self.model.get_weights()])


class Failing(keras.callbacks.Callback):
    """Raise `error` when `hook` is called in the failing epoch."""

    def __init__(self, hook, error):
        super().__init__()
        self.epoch = -1
        setattr(self, hook, self.fail)
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def fail(self, index, logs=None):
        if self.epoch == FAILING_EPOCH or index == FAILING_EPOCH:
            raise self.error


def simulate(values, callback) -> int:
    """Feed the callback one value per epoch until it stops; return the number of epochs."""
    return run([{} if value is None else {callback.monitor: value} for value in values], callback)


def run(logs, callback, metrics=()) -> int:
    """Feed the callback the logs of one epoch after another until it stops; return how many."""
    callback.set_model(EpochCounter())
    callback.model.metrics = metrics
    callback.on_train_begin()
    for epoch, logged in enumerate(logs):
        callback.model.weights = [epoch]
        callback.on_epoch_end(epoch, logged)
        if callback.model.stop_training:
            break
    callback.on_train_end()
    return epoch + 1


def small_model(**compile_arguments) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), loss="mse", **compile_arguments)
    # TensorFlow traces a step twice if it makes the optimizer's variables.
    model.optimizer.build(model.trainable_variables)
    return model


def data(samples=8):
    return np.ones((samples, 2)), np.ones((samples, 1))


def fit(model, *callbacks, x=None, **arguments):
    x, y = data() if x is None else (x, None)
    arguments = {"epochs": len(SCORES), "verbose": 0, "shuffle": False} | arguments
    return model.fit(x, y, callbacks=list(callbacks), **arguments)


def kept_in(path):
    """Return the best weights in a file."""
    return archive.read(path)["arrays"]


def assert_holds(model, weights) -> None:
    for mine, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, expected)
