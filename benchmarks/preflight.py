"""preflight: the CPU seconds that it takes, and whether all is as it was, bit for bit.

Ten networks that have taken a training step, so that their optimizers and metrics hold something.
The first call pays for what Python imports and the backend compiles; "again" is the next one.
"kept" compares weights, optimizer, metrics, and the generators of Python, NumPy, Keras and PyTorch.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import _harness
import keras
import numpy as np
from keras import layers

from keras_trainkit._backend import generator_state
from keras_trainkit._keras_internals import global_seed
from keras_trainkit.diagnosis import preflight

LIMIT = 5.0
ROWS, STEP = 512, 8
CLASSES = 10
Network = tuple[keras.Model, np.ndarray]


def images(*shape: int) -> np.ndarray:
    """Return inputs of a shape, normally distributed."""
    return np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")


def tokens(length: int) -> np.ndarray:
    """Return sequences of integers."""
    return np.random.default_rng(0).integers(1000, size=(ROWS, length))


def chain(x: np.ndarray, *body: keras.layers.Layer) -> Network:
    """Return a network of layers in a row, and its inputs."""
    stack = [keras.Input(x.shape[1:], dtype=x.dtype.name), *body]
    return keras.Sequential([*stack, layers.Dense(CLASSES, "softmax")]), x


def resnet() -> Network:
    """Return ResNet50 as Keras has it, without weights."""
    inputs = {"input_shape": (224, 224, 3), "classes": CLASSES}
    return keras.applications.ResNet50(weights=None, **inputs), images(224, 224, 3)[:64]


def transformer(blocks: int = 2, width: int = 64) -> Network:
    """Return a small encoder over tokens."""
    x = tokens(64)
    inputs = keras.Input((64,), dtype="int64")
    y = layers.Embedding(1000, width)(inputs)
    for _ in range(blocks):
        y = layers.LayerNormalization()(layers.Add()([y, _attention(y, width)]))
        hidden = layers.Dense(width)(layers.Dense(4 * width, "gelu")(y))
        y = layers.LayerNormalization()(layers.Add()([y, hidden]))
    y = layers.GlobalAveragePooling1D()(y)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax")(y)), x


def _attention(y: Any, width: int) -> Any:
    return layers.MultiHeadAttention(4, width // 4, dropout=0.1)(y, y)


class Subclassed(keras.Model):
    """A network without a graph."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.hidden = [layers.Dense(256, "relu") for _ in range(4)]
        self.drop, self.out = layers.Dropout(0.3), layers.Dense(CLASSES, "softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        """Pass inputs through the layers."""
        for layer in self.hidden:
            x = layer(x)
        return self.out(self.drop(x, training=training))


def blocks() -> list[keras.layers.Layer]:
    """Return convolutions with batch normalization."""
    body: list[keras.layers.Layer] = []
    for width in (32, 64, 128):
        body += [layers.Conv2D(width, 3, padding="same"), layers.BatchNormalization()]
        body += [layers.ReLU(), layers.MaxPooling2D()]
    return [*body, layers.GlobalAveragePooling2D()]


NETWORKS: dict[str, Callable[[], Network]] = {
    "perceptron": lambda: chain(images(784), layers.Dense(512, "relu"), layers.Dense(512, "relu")),
    "64 layers": lambda: chain(images(64), *(layers.Dense(64, "relu") for _ in range(64))),
    "convolutions": lambda: chain(images(32, 32, 3), *blocks()),
    "LSTM": lambda: chain(images(50, 8), layers.LSTM(64, return_sequences=True), layers.LSTM(64)),
    "both ways": lambda: chain(images(50, 8), layers.Bidirectional(layers.GRU(32))),
    "text": lambda: chain(
        tokens(100), layers.Embedding(1000, 32), layers.Conv1D(64, 5), layers.GlobalMaxPooling1D()
    ),
    "10 million": lambda: chain(images(784), *(layers.Dense(2048, "relu") for _ in range(3))),
    "subclassed": lambda: (Subclassed(), images(64)),
    "transformer": transformer,
    "ResNet50": resnet,
}


def measure(name: str) -> None:
    """Print the seconds for one network, and whether it is as it was."""
    keras.utils.set_random_seed(0)
    model, x = NETWORKS[name]()
    y = np.random.default_rng(1).integers(CLASSES, size=len(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:STEP], y[:STEP], verbose=0)
    before = state(model)
    first, again = (seconds(lambda: preflight(model, x, y, epochs=100)) for _ in range(2))
    kept = before == state(model)
    verdict = "ok" if kept and first < LIMIT else "FAILS"
    print(
        f"{name:20} {first:8.2f} {again:8.2f}   {'yes' if kept else 'NO':6} {verdict}", flush=True
    )


def seconds(run: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def state(model: keras.Model) -> list[Any]:
    """Return all that a training depends on, as bytes and numbers."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    seed, generator = global_seed(), generator_state()
    arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
    arrays += [np.random.get_state()[1]]
    arrays += [keras.ops.convert_to_numpy(seed)] if seed is not None else []
    arrays += [generator] if generator is not None else []
    return [random.getstate(), np.random.get_state()[2], *(array.tobytes() for array in arrays)]


if __name__ == "__main__":
    _harness.each_alone(measure, NETWORKS, f"{'network':20} {'first':>8} {'again':>8}   kept")
