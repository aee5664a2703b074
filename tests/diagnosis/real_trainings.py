"""Four small trainings whose diagnoses people look at."""

import warnings

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from keras_trainkit.callbacks import GradientMonitor

SEED = 7
CLASSES = "sparse_categorical_crossentropy"


def digits(rows=1200):
    """Return the scaled digits with their labels: so many for training, 500 for validation."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))
    x, y = (x[order] / 16).astype("float32"), y[order]
    return x[:rows], y[:rows], (x[-500:], y[-500:])


def trained(network, optimizer, loss, data, epochs):
    """Train and return the monitor."""
    x, y, validation_data = data
    model = keras.Sequential([keras.Input(x.shape[1:]), *network])
    model.compile(optimizer, loss, metrics=["accuracy"])
    monitor = GradientMonitor(probe="first_batch")
    fit = {"epochs": epochs, "validation_data": validation_data, "callbacks": [monitor]}
    model.fit(x, y, verbose=0, **fit)
    return monitor


def vanishing():
    """Train twelve sigmoid layers."""
    network = [*(layers.Dense(32, "sigmoid") for _ in range(12)), layers.Dense(10, "softmax")]
    return trained(network, keras.optimizers.SGD(0.01), CLASSES, digits(), epochs=8)


def wrong_head():
    """Train a softmax over the one unit that should tell two classes apart."""
    x, y, (x_val, y_val) = digits()
    network = [layers.Dense(32, "relu"), layers.Dense(1, "softmax")]
    data = (x, y % 2, (x_val, y_val % 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are using a softmax over axis", UserWarning)
        return trained(network, keras.optimizers.Adam(), "binary_crossentropy", data, epochs=8)


def overfitting():
    """Train a wide network that learns a few rows, and their wrong labels, by heart."""
    x, y, validation_data = digits(rows=120)
    rng = np.random.default_rng(SEED)
    noisy = np.where(rng.random(len(y)) < 0.3, rng.integers(0, 10, len(y)), y)
    network = [layers.Dense(256, "relu"), layers.Dense(256, "relu"), layers.Dense(10, "softmax")]
    data = (x, noisy, validation_data)
    return trained(network, keras.optimizers.Adam(0.003), CLASSES, data, epochs=40)


def healthy():
    """Train a network that learns the digits."""
    network = [layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
    return trained(network, keras.optimizers.Adam(0.003), CLASSES, digits(), epochs=10)
