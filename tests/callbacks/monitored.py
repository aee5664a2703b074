"""Small models and data for the gradient monitor's tests."""

import keras
import numpy as np
from keras import layers

from tests.contracts import array, assert_same_weights


def data(rows=20):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype("float32")
    return x, rng.integers(0, 2, rows)


def body(hidden="tanh"):
    return [
        layers.Dense(4, hidden, name="hidden"),
        layers.BatchNormalization(name="norm"),
        layers.Dropout(0.3, seed=1),
        layers.Dense(2, "softmax", name="out"),
    ]


def sequential():
    return keras.Sequential([keras.Input((3,)), *body()])


def softmax():
    """Return what compiles fastest."""
    return keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax", name="out")])


def functional():
    inputs = x = keras.Input((3,))
    for layer in body():
        x = layer(x)
    return keras.Model(inputs, x)


class Subclassed(keras.Model):
    """Built by its first batch."""

    def __init__(self):
        super().__init__()
        self.parts = body()

    def call(self, x, training=False):
        for layer in self.parts:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return x


def compiled(make=sequential, optimizer=None, **arguments):
    """Return the same model at every call."""
    keras.utils.set_random_seed(3)
    model = make()
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    model.compile(optimizer, "sparse_categorical_crossentropy", **arguments)
    return model


def fit(model, callbacks=(), rows=20, **arguments):
    """Train for two epochs of three steps, the last step on a smaller batch."""
    keras.utils.set_random_seed(4)
    x, y = data(rows)
    arguments = {"batch_size": 8, "epochs": 2, "verbose": 0, **arguments}
    return model.fit(x, y, callbacks=list(callbacks), **arguments).history


def assert_same_training(model, history, twin, expected):
    """Compare weights, variables of all optimizers, and logs bit for bit."""
    assert_same_weights(model, twin)
    for mine, theirs in zip(optimizer_variables(model), optimizer_variables(twin), strict=True):
        np.testing.assert_array_equal(array(mine), array(theirs))
    assert {name: history[name] for name in expected} == expected


def optimizer_variables(model):
    optimizers = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    return [variable for optimizer in optimizers for variable in optimizer.variables]
