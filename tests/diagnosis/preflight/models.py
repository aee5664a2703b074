"""Models and data whose facts are known."""

import keras
import numpy as np
from keras import layers

X = np.random.default_rng(0).normal(size=(12, 8)).astype("float32")
Y = np.arange(12) % 3


def sequential():
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Rescaling(2.0),
            layers.Dense(4, "relu"),
            layers.Dropout(0.3, seed=1),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def compiled(make=sequential, optimizer="sgd", loss="sparse_categorical_crossentropy", **arguments):
    model = make()
    model.compile(optimizer, loss, **arguments)
    return model


class Stack(keras.Model):
    """Holds its layers in another order than it calls them."""

    def __init__(self):
        super().__init__()
        self.flatten = layers.Flatten()
        self.head = layers.Dense(3, "softmax")
        self.hidden = layers.Dense(4, "relu")
        self.dropout = layers.Dropout(0.3)

    def call(self, inputs):
        return self.flatten(self.head(self.dropout(self.hidden(inputs))))


class Sized(Stack):
    """Takes an argument, and does not say so in its config."""

    def __init__(self, units=2):
        super().__init__()
        self.units = units
        self.head = layers.Dense(units, "softmax")


class Told(Sized):
    """Says it."""

    def get_config(self):
        return {"units": self.units}


class Pair(keras.Layer):
    """A layer with a weight and a layer inside."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.inner = layers.Dense(2)

    def build(self, shape):
        self.scale = self.add_weight(shape=(2,), name="scale")
        self.inner.build(shape)

    def call(self, inputs):
        return self.inner(inputs) * self.scale
