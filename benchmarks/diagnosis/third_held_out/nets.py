"""Networks with branches, crossings, skips and decoders, as functions of the inputs."""

from functools import cache, partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn import datasets
from sklearn.neural_network import MLPClassifier

from benchmarks.diagnosis.held_out.bodies import Places, function, of
from benchmarks.diagnosis.recipe import Body

BATCHES = partial(layers.BatchNormalization, momentum=0.9)


def normalized(*widths: int, normalizer: Any = BATCHES, bend: str = "relu") -> Any:
    """Return a function that applies dense layers with a normalizer before each activation."""

    def apply(x: Any) -> Any:
        for width in widths:
            x = layers.Activation(bend)(normalizer()(layers.Dense(width)(x)))
        return x

    return apply


def crossed(x: Any, depth: int = 2) -> Any:
    """Return the columns multiplied with each other, beside two dense layers."""
    cross = x
    for _ in range(depth):
        cross = x * layers.Dense(x.shape[1])(cross) + cross
    deep = layers.Dense(16, "relu")(layers.Dense(32, "relu")(x))
    return layers.Concatenate()([cross, deep])


def maxout(x: Any, width: int = 24, pieces: int = 3) -> Any:
    """Return the largest of several linear functions, for each unit of two layers."""
    for _ in range(2):
        x = layers.Reshape((width, pieces))(layers.Dense(width * pieces)(x))
        x = ops.max(x, axis=-1)
    return x


def two_heads(x: Any, bend: str = "silu") -> Any:
    """Return two numbers, each from a branch of its own over a common layer."""
    common = layers.Dense(48, bend)(x)
    heads = [layers.Dense(1)(layers.Dense(24, bend)(common)) for _ in range(2)]
    return layers.Concatenate()(heads)


def unet(x: Any, filters: int = 8, bend: str = "relu", momentum: float | None = None) -> Any:
    """Return features of each pixel: two levels down and up again, with skips across."""

    def conv(x: Any, count: int, stride: int = 1) -> Any:
        x = layers.Conv2D(count, 3, stride, padding="same")(x)
        if momentum is not None:
            x = layers.BatchNormalization(momentum=momentum)(x)
        return layers.Activation(bend)(x)

    up = partial(_doubled, filters=filters)
    fine = conv(x, filters)
    middle = conv(fine, filters, 2)
    coarse = conv(middle, filters, 2)
    middle = conv(middle + up(coarse), filters)
    return conv(fine + up(middle), filters)


def bottlenecks(x: Any, filters: int = 16, momentum: float = 0.9) -> Any:
    """Return what depthwise convolutions between narrow and wide channels find."""
    x = layers.Conv2D(filters, 3, 2, padding="same", activation="relu")(x)
    for _ in range(2):
        hidden = layers.Conv2D(2 * filters, 1, activation="relu")(x)
        hidden = layers.DepthwiseConv2D(3, padding="same")(hidden)
        hidden = layers.ReLU(6.0)(layers.BatchNormalization(momentum=momentum)(hidden))
        x = x + layers.Conv2D(filters, 1)(hidden)
    return layers.Flatten()(layers.MaxPooling2D()(x))


def patches(x: Any, width: int = 24, size: int = 3) -> Any:
    """Return the mean of an image's patches, after they looked at each other."""
    x = layers.Conv2D(width, size, size)(x)
    x = Places()(layers.Reshape((-1, width))(x))
    normal = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, width // 2)(normal, normal)
    hidden = layers.Dense(2 * width, "gelu")(layers.LayerNormalization()(x))
    return layers.GlobalAveragePooling1D()(x + layers.Dense(width)(hidden))


def bands(x: Any, units: int = 16) -> Any:
    """Return what a recurrence makes of convolved bands, moment after moment."""
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D((1, 2))(x)
    return layers.GRU(units)(layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x))


def compared(x: Any, width: int = 24, bend: str = "relu") -> Any:
    """Return how far apart a common encoder puts the halves of a row, in each direction."""
    encode = keras.Sequential([layers.Dense(48, bend), layers.Dense(width)])
    half = x.shape[1] // 2
    return ops.square(encode(x[:, :half]) - encode(x[:, half:]))


def matched(x: Any, width: int = 12) -> Any:
    """Return the products of two texts' mean embeddings."""
    words = layers.Embedding(70, width)
    first, second = (ops.mean(words(part), axis=1) for part in (x[:, :5], x[:, 5:]))
    both = layers.Concatenate()([first * second, ops.abs(first - second)])
    return layers.Dense(16, "relu")(both)


def entities(x: Any, bend: str = "relu") -> Any:
    """Return dense layers over embeddings of shop and weekday, and the promotion."""
    shop, day = layers.Embedding(30, 6)(x[:, 0]), layers.Embedding(7, 3)(x[:, 1])
    offer = ops.cast(x[:, 2:], "float32")
    return layers.Dense(32, bend)(layers.Concatenate()([shop, day, offer]))


def decoded(x: Any, units: int = 16, steps: int = 3, end: str | None = None) -> Any:
    """Return the next steps: a recurrence reads, another one writes."""
    state = layers.GRU(units)(x)
    x = layers.GRU(units, return_sequences=True)(layers.RepeatVector(steps)(state))
    return layers.Reshape((steps,))(layers.TimeDistributed(layers.Dense(1, end))(x))


def steps(x: Any, filters: int = 12) -> Any:
    """Return what residual convolutions over time find, on average."""
    x = layers.Conv1D(filters, 5, padding="same")(x)
    for _ in range(2):
        hidden = layers.SeparableConv1D(filters, 5, padding="same", activation="relu")(x)
        x = x + layers.Conv1D(filters, 1)(hidden)
    x = layers.Activation("relu")(x)
    mean, most = layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)
    return layers.Concatenate()([mean, most])


def looks(x: Any, vocabulary: int, width: int = 16, blocks: int = 1) -> Any:
    """Return a vector for each word, after all words looked at each other in each block."""
    x = Places()(layers.Embedding(vocabulary, width)(x))
    for _ in range(blocks):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, width // 2)(x, x))
        hidden = layers.Dense(2 * width, "relu")(x)
        x = layers.LayerNormalization()(x + layers.Dense(width)(hidden))
    return x


def stack(*filters: int, end: Any = layers.Flatten, **arguments: Any) -> Body:
    """Return pairs of convolutions with max pooling behind each, as in a small VGG."""

    def body() -> list[Any]:
        found: list[Any] = []
        for count in filters:
            same = partial(layers.Conv2D, count, 3, padding="same", **arguments)
            found += [same(activation="relu"), same(activation="relu"), layers.MaxPooling2D()]
        return [*found, end()]

    return body


def enlarging(filters: int = 16) -> Body:
    """Return convolutions over an image of twice the size."""
    conv = partial(layers.Conv2D, filters, 3, padding="same", activation="relu")
    return of(conv, layers.UpSampling2D, conv)


def pretrained(trainable: bool = False) -> Body:
    """Return a layer that has learned the digits 0 to 4."""

    def body() -> list[Any]:
        layer = layers.Dense(64, "relu", trainable=trainable)
        layer.build((None, 64))
        layer.set_weights(_of_lower_digits())
        return [layer]

    return body


def _doubled(x: Any, filters: int) -> Any:
    return layers.Conv2DTranspose(filters, 3, 2, padding="same")(x)


@cache
def _of_lower_digits() -> list[np.ndarray]:
    x, y = datasets.load_digits(n_class=5, return_X_y=True)
    network = MLPClassifier((64,), max_iter=60, random_state=0, tol=0.0, early_stopping=False)
    network.fit(x / 16, y)
    return [network.coefs_[0], network.intercepts_[0]]


CROSSED, MAXOUT, UNET = function(crossed), function(maxout), function(unet)
