"""Networks with branches, gates, residuals and attention, as functions of the inputs."""

from functools import partial
from typing import Any

import keras
from keras import layers

from benchmarks.diagnosis.held_out.bodies import function, of
from benchmarks.diagnosis.recipe import Body


def normalized(*widths: int, momentum: float = 0.9, bend: str = "relu") -> Body:
    """Return dense layers, each with batch normalization and an activation behind it."""

    def body() -> list[Any]:
        found: list[Any] = []
        for width in widths:
            found += [layers.Dense(width), layers.BatchNormalization(momentum=momentum)]
            found += [layers.Activation(bend)]
        return found

    return body


def dropped(*widths: int, rate: float, bend: str = "relu") -> Body:
    """Return dense layers with dropout behind each."""
    return lambda: [
        layer for width in widths for layer in (layers.Dense(width, bend), layers.Dropout(rate))
    ]


def highway(x: Any, width: int = 32, depth: int = 2) -> Any:
    """Return what gated layers let through or change."""
    x = layers.Dense(width, "tanh")(x)
    for _ in range(depth):
        gate = layers.Dense(width, "sigmoid")(x)
        x = gate * layers.Dense(width, "relu")(x) + (1 - gate) * x
    return x


def experts(x: Any, count: int = 3, width: int = 16) -> Any:
    """Return a mixture of small networks, weighted by a gate."""
    gate = layers.Dense(count, "softmax")(x)
    found = [layers.Dense(width, "silu")(layers.Dense(width, "silu")(x)) for _ in range(count)]
    return sum(gate[:, i : i + 1] * each for i, each in enumerate(found))


def pyramid(x: Any, bend: str = "gelu") -> Any:
    """Return dense layers that get narrower, normalized, with the inputs beside the last."""
    hidden = x
    for width in (64, 32, 16):
        hidden = layers.LayerNormalization()(layers.Dense(width, bend)(hidden))
    return layers.Concatenate()([x, hidden])


def residual(x: Any, filters: int = 8, momentum: float = 0.9) -> Any:
    """Return what two residual blocks of convolutions find in an image."""
    x = layers.Conv2D(filters, 3, padding="same")(x)
    for _ in range(2):
        hidden = layers.BatchNormalization(momentum=momentum)(x)
        hidden = layers.Conv2D(filters, 3, padding="same")(layers.ReLU()(hidden))
        x = layers.MaxPooling2D()(x + hidden)
    return layers.Flatten()(layers.ReLU()(x))


def squeezed(x: Any, filters: int = 12) -> Any:
    """Return convolutions whose channels are weighted by what the whole image shows."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        weight = layers.Dense(filters, "sigmoid")(layers.GlobalAveragePooling2D()(x))
        x = layers.MaxPooling2D()(x * layers.Reshape((1, 1, filters))(weight))
    return layers.Flatten()(x)


def depthwise(x: Any) -> Any:
    """Return a convolution, a depthwise one and a pointwise one, pooled."""
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(layers.MaxPooling2D()(x))
    return layers.Flatten()(layers.Conv2D(12, 1, activation="relu")(x))


def hourglass(x: Any, bend: str = "relu") -> Any:
    """Return features of each pixel: down by stride 2, up by a transposed convolution."""
    near = layers.Conv2D(8, 3, padding="same", activation=bend)(x)
    far = layers.Conv2D(16, 3, 2, padding="same", activation=bend)(near)
    far = layers.Conv2DTranspose(8, 3, 2, padding="same", activation=bend)(far)
    return layers.Concatenate()([near, far])


def dilated(x: Any, filters: int = 12, depth: int = 3) -> Any:
    """Return causal convolutions that reach further back, as residuals, at the last step."""
    x = layers.Conv1D(filters, 1)(x)
    for level in range(depth):
        hidden = layers.Conv1D(
            filters, 3, padding="causal", dilation_rate=2**level, activation="relu"
        )(x)
        x = x + hidden
    return x[:, -1]


def weighed(x: Any, width: int = 16) -> Any:
    """Return steps read in both directions, weighted by how much they say."""
    x = layers.Bidirectional(layers.GRU(width // 2, return_sequences=True))(x)
    weight = layers.Softmax(axis=1)(layers.Dense(1)(x))
    return keras.ops.sum(weight * x, axis=1)


def factors(x: Any, width: int = 6) -> Any:
    """Return the products of a person's and a song's factors."""
    person = layers.Embedding(40, width)(x[:, 0])
    song = layers.Embedding(25, width)(x[:, 1])
    return layers.Dense(12, "relu")(layers.Concatenate()([person * song, person, song]))


def stacked(layer: Any, *units: int, **arguments: Any) -> Body:
    """Return recurrences, of which only the last gives nothing but its last step."""
    firsts = [partial(layer, n, return_sequences=True, **arguments) for n in units[:-1]]
    return of(*firsts, partial(layer, units[-1], **arguments))


def convolved(*filters: int, size: int = 5, **arguments: Any) -> Body:
    """Return convolutions over time with pooling between them, flattened."""

    def body() -> list[Any]:
        found: list[Any] = []
        for count in filters:
            found += [layers.Conv1D(count, size, activation="relu", padding="same", **arguments)]
            found += [layers.MaxPooling1D()]
        return [*found, layers.Flatten()]

    return body


def plain(*filters: int, bend: str | None = "relu", **arguments: Any) -> Body:
    """Return convolutions with stride 2 and a dense layer."""

    def body() -> list[Any]:
        made = [layers.Conv2D(n, 3, 2, "same", activation=bend, **arguments) for n in filters]
        return [*made, layers.Flatten(), layers.Dense(24, bend, **arguments)]

    return body


MIXED: Body = function(experts)
