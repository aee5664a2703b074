"""Layers, optimizers, losses and metrics as the code that makes them."""

import sys

import keras
import numpy as np
import pytest
from keras import initializers, layers, losses, metrics, optimizers, regularizers

import keras_trainkit
from keras_trainkit.diagnosis._preflight.as_code import arguments_of, code_of, made_by

THINGS = {
    "keras.layers.Dense(3)": lambda: layers.Dense(3),
    'keras.layers.Dense(3, activation="relu", use_bias=False)': lambda: layers.Dense(
        3, "relu", use_bias=False
    ),
    'keras.layers.Dense(3, kernel_initializer="he_normal")': lambda: layers.Dense(
        3, kernel_initializer="he_normal"
    ),
    "keras.layers.Dense(3, bias_initializer=keras.initializers.Constant(value=-4.0))": (
        lambda: layers.Dense(3, bias_initializer=initializers.Constant(-4.0))
    ),
    "keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L1(l1=0.1))": (
        lambda: layers.Dense(3, kernel_regularizer=regularizers.L1(0.1))
    ),
    "keras.layers.Dense(3, activation=keras.layers.ReLU())": lambda: layers.Dense(
        3, activation=layers.ReLU()
    ),
    'keras.layers.Conv2D(12, (3, 3), strides=(2, 2), padding="same")': lambda: layers.Conv2D(
        12, 3, 2, "same"
    ),
    "keras.layers.DepthwiseConv1D((4,))": lambda: layers.DepthwiseConv1D(4),
    "keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True))": (
        lambda: layers.Bidirectional(layers.GRU(4, return_sequences=True))
    ),
    "keras.layers.Dropout(0.97)": lambda: layers.Dropout(0.97),
    "keras.layers.BatchNormalization(momentum=0.999)": lambda: layers.BatchNormalization(
        momentum=0.999
    ),
    "keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True)": (
        lambda: optimizers.SGD(0.1, 0.9, nesterov=True)
    ),
    "keras.optimizers.AdamW(weight_decay=30.0)": lambda: optimizers.AdamW(weight_decay=30.0),
    "keras.optimizers.Adam(learning_rate=keras.optimizers.schedules.ExponentialDecay(0.01, 4, 0.5))"
    "": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(1e-2, 4, 0.5)),
    "keras_trainkit.optimizers.NAG(learning_rate=0.1, global_clipnorm=1.0)": (
        lambda: keras_trainkit.optimizers.NAG(0.1, global_clipnorm=1.0)
    ),
    "keras.losses.BinaryCrossentropy(from_logits=True)": lambda: losses.BinaryCrossentropy(
        from_logits=True
    ),
    "keras.metrics.R2Score()": lambda: metrics.R2Score(),
}


class Gate(layers.Layer):
    """A layer of the user's."""


@pytest.mark.parametrize("code", THINGS)
def test_code_makes_the_same(code):
    thing = THINGS[code]()
    assert code_of(thing) == code
    again = eval(code, {"keras": keras, "keras_trainkit": keras_trainkit})
    assert made_by(again) == code
    assert isinstance(again, type(thing))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("mse", '"mse"'),
        ([0.0, 1.5], "[0.0, 1.5]"),
        ((3,), "(3,)"),
        ({"a": None, "b": True}, '{"a": None, "b": True}'),
        (float(np.float32(1e-3)), "0.001"),
        (keras.losses.mean_squared_error, "keras.losses.mean_squared_error"),
        (Gate, "Gate"),
        (keras.metrics.AUC, "keras.metrics.AUC"),
    ],
)
def test_values(value, code):
    assert code_of(value) == code


def test_arguments_stand_in_the_order_of_the_constructor():
    layer = layers.Conv1D(3, 4, activation="relu")
    given = {"filters": "3", "kernel_size": "(4,)", "activation": '"relu"'}
    assert arguments_of(layer) == given
    assert list(arguments_of(layer)) == list(given)


def test_what_the_user_wrote_is_called_by_its_name():
    assert made_by(Gate()) == "Gate"
    dense = type("Dense", (layers.Dense,), {"__module__": __name__})
    for thing in (Gate(), dense(3)):
        with pytest.raises(ValueError, match="`kind` must be of Keras or of this package"):
            arguments_of(thing)


def test_a_tensorflow_that_nobody_has_imported_stays_where_it_is(monkeypatch):
    lazy = sys.modules[keras.saving.serialize_keras_object.__module__].tf
    imported = []
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setitem(vars(lazy), "_available", None)
    monkeypatch.setitem(vars(lazy), "initialize", lambda: imported.append(True))
    assert arguments_of(keras.layers.Dense(3)) == {"units": "3"}
    assert not imported
    assert vars(lazy)["_available"] is None
