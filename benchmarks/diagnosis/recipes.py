"""Trainings that work, by family: each is the mended twin of several broken ones."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from benchmarks.diagnosis import datasets, networks, scores, spoils
from benchmarks.diagnosis.recipe import Recipe

BINARY, SPARSE, ONE_HOT = (
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
)


def adam(rate: float = 1e-2, **arguments: Any) -> Callable[[], keras.optimizers.Optimizer]:
    """Return a maker of Keras's Adam."""
    return partial(keras.optimizers.Adam, rate, **arguments)


def sgd(
    rate: float = 0.1, momentum: float = 0.0, **arguments: Any
) -> Callable[[], keras.optimizers.Optimizer]:
    """Return a maker of Keras's SGD."""
    return partial(keras.optimizers.SGD, rate, momentum, **arguments)


def rmsprop(rate: float = 3e-3) -> Callable[[], keras.optimizers.Optimizer]:
    """Return a maker of Keras's RMSprop."""
    return partial(keras.optimizers.RMSprop, rate)


def classifier(
    family: str, data: Any, body: Any, goal: float, classes: int = 1, **fields: Any
) -> Recipe:
    """Return a recipe for classes: a sigmoid for one unit, a softmax for several."""
    head = {"output": "softmax", "loss": SPARSE} if classes > 1 else {}
    head = head or {"output": "sigmoid", "loss": BINARY}
    given = {"optimizer": adam(), "metrics": ("accuracy",), **head, **fields}
    return Recipe(family, data, body, goal, classes, **given)


def regression(data: Any, body: Any, goal: float, units: int = 1, **fields: Any) -> Recipe:
    """Return a recipe for values."""
    given = {"optimizer": adam(), "score": scores.r_squared, "family": "regression", **fields}
    return Recipe(data=data, body=body, goal=goal, units=units, **given)


d, n = datasets, networks

MOONS = classifier("MLP", d.moons, n.mlp(32, 32), 0.95)
CIRCLES = classifier("MLP", d.circles, n.mlp(16, 16, activation="tanh"), 0.95, optimizer=adam(0.02))
SPIRALS = classifier("MLP", d.spirals, n.mlp(64, 64, 64), 0.9, 3, optimizer=adam(5e-3), epochs=25)
BLOBS = classifier("MLP", d.blobs, n.mlp(32), 0.9, 5, optimizer=sgd(0.1, 0.9))
DIGITS = classifier(
    "MLP",
    d.digits,
    n.mlp(64, 32),
    0.9,
    10,
    loss=ONE_HOT,
    changes=(spoils.one_hot,),
    optimizer=sgd(0.1, 0.9),
    epochs=10,
)
DIGITS_SPARSE = classifier("MLP", d.digits, n.mlp(64, 32), 0.9, 10, epochs=10, optimizer=adam(3e-3))
DIGITS_PLAIN = classifier("MLP", d.digits, n.mlp(64), 0.85, 10, epochs=15, optimizer=sgd(0.1, 0.5))
WINE = classifier("MLP", d.wine, n.mlp(16), 0.85, 3, epochs=30, batch_size=16)
CANCER = classifier("MLP", d.cancer, n.mlp(16, 8), 0.92, epochs=15)
CANCER_SGD = classifier("MLP", d.cancer, n.mlp(24), 0.92, epochs=20, optimizer=sgd(0.05, 0.9))
IRIS = classifier("MLP", d.iris, n.mlp(16, activation="tanh"), 0.85, 3, epochs=40, batch_size=16)
TAGS = classifier("MLP", d.tags, n.mlp(64), 0.6, 6, output="sigmoid", loss=BINARY, epochs=20)
TAGS = Recipe(**{**vars(TAGS), "score": scores.all_labels})

DIGITS_CNN = classifier(
    "CNN",
    partial(d.digits, flat=False),
    n.cnn(12, 16),
    0.92,
    10,
    epochs=8,
    optimizer=adam(5e-3),
)
ZERO_OR_ONE = classifier(
    "CNN",
    partial(d.digits, flat=False, classes=2),
    n.cnn(8, 8),
    0.95,
    epochs=8,
    optimizer=adam(5e-3),
)
NORMALIZED_CNN = classifier(
    "CNN", partial(d.digits, flat=False), n.normalized_cnn(12, 24), 0.85, 10, epochs=12
)
STRIPES = classifier("CNN", d.stripes, n.pooled_cnn(8, 8), 0.85, 3, epochs=12, optimizer=adam(5e-3))
STRIPES_SGD = classifier(
    "CNN", d.stripes, n.cnn(8, 12, dense=16), 0.85, 3, epochs=20, optimizer=sgd(0.05, 0.9)
)
SLANTS = classifier(
    "CNN",
    partial(d.stripes, classes=2),
    n.pooled_cnn(8, 8),
    0.9,
    epochs=12,
    optimizer=rmsprop(3e-3),
)

WAVES = classifier(
    "RNN", d.waves, n.recurrent(layers.GRU, 16), 0.9, 3, epochs=12, optimizer=adam(0.02)
)
FIRST_SIGN = classifier(
    "RNN", d.first_sign, n.recurrent(layers.LSTM, 12), 0.95, epochs=12, optimizer=adam(0.02)
)
FIRST_SIGN_SIMPLE = classifier(
    "RNN", d.first_sign, n.recurrent(layers.SimpleRNN, 12), 0.95, epochs=12, optimizer=adam(0.01)
)
FORECAST = regression(d.forecast, n.recurrent(layers.SimpleRNN, 16), 0.9, family="RNN", epochs=12)
FORECAST_GRU = regression(
    d.forecast, n.recurrent(layers.GRU, 12), 0.9, family="RNN", epochs=12, optimizer=adam(0.02)
)

WORDS = classifier("embedding", d.words, n.embedded(60, 16), 0.9, epochs=15)
WORDS_LSTM = classifier(
    "embedding", d.words, n.embedded(60, 12, partial(layers.LSTM, 12)), 0.85, epochs=10
)
TOPICS = classifier("embedding", d.topics, n.embedded(80, 16), 0.85, 4, epochs=15)
CONVOLVED_WORDS = classifier(
    "embedding",
    d.topics,
    n.embedded(
        80,
        16,
        partial(layers.Conv1D, 24, 3, activation="relu"),
        layers.GlobalMaxPooling1D,
    ),
    0.8,
    4,
    epochs=12,
)

TRANSFORMER = classifier("transformer", d.words, n.transformer(60), 0.9, epochs=8)
TOPIC_TRANSFORMER = classifier(
    "transformer", d.topics, n.transformer(80), 0.85, 4, epochs=8, optimizer=adam(5e-3)
)
WAVE_TRANSFORMER = classifier(
    "transformer", d.waves, n.series_transformer(), 0.9, 3, epochs=12, optimizer=adam(5e-3)
)

FRIEDMAN = regression(d.friedman, n.mlp(48, 24), 0.8)
HOUSES = regression(d.houses, n.mlp(32, 16), 0.85)
HOUSES_SGD = regression(d.houses, n.mlp(32), 0.85, optimizer=sgd(0.03, 0.9))
CURVE = regression(d.curve, n.mlp(32, 32, activation="tanh"), 0.9, epochs=25)
PLANES = regression(d.planes, n.mlp(48), 0.75, 3)
PICTURES = regression(
    d.pictures, n.mlp(32, 12, 32), 0.6, 64, output="sigmoid", family="MLP", epochs=12, loss=BINARY
)
