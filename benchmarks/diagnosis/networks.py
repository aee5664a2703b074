"""Hidden layers: functions that return a function, so that every model gets layers of its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from benchmarks.diagnosis.recipe import Body

Normalizer = Callable[[], keras.layers.Layer]


def chain(*makers: Callable[[], Any]) -> Body:
    """Return a body of what each maker returns."""
    return lambda: [maker() for maker in makers]


def mlp(*widths: int, activation: str = "relu", rate: float = 0.0, **dense: Any) -> Body:
    """Return dense layers, with dropout behind each if there is a rate."""

    def body() -> list[Any]:
        found: list[Any] = []
        for width in widths:
            found.append(layers.Dense(width, activation, **_made(dense)))
            found += [layers.Dropout(rate)] if rate else []
        return found

    return body


def normalized_mlp(
    *widths: int, normalizer: Normalizer = layers.BatchNormalization, activation: str = "relu"
) -> Body:
    """Return dense layers without bias, each with a normalizer and an activation behind it."""

    def body() -> list[Any]:
        return [
            layer
            for width in widths
            for layer in (
                layers.Dense(width, use_bias=False),
                normalizer(),
                layers.Activation(activation),
            )
        ]

    return body


def residual_mlp(width: int, depth: int, activation: str = "relu") -> Body:
    """Return a dense layer and blocks that add to what passes them."""

    def block(inputs: Any) -> Any:
        hidden = layers.Dense(width, activation)(layers.LayerNormalization()(inputs))
        return layers.Add()([inputs, layers.Dense(width)(hidden)])

    return lambda: [layers.Dense(width), *depth * [block], layers.LayerNormalization()]


def cnn(*filters: int, activation: str = "relu", dense: int = 0, **conv: Any) -> Body:
    """Return convolutions, every second with stride 2, and the flat result."""

    def body() -> list[Any]:
        convolutions = [
            layers.Conv2D(n, 3, 1 + i % 2, "same", activation=activation, **_made(conv))
            for i, n in enumerate(filters)
        ]
        behind = [layers.Dense(dense, activation)] if dense else []
        return [*convolutions, layers.Flatten(), *behind]

    return body


def normalized_cnn(*filters: int, normalizer: Normalizer = layers.BatchNormalization) -> Body:
    """Return convolutions with a normalizer behind each, and the mean over the image."""

    def body() -> list[Any]:
        found: list[Any] = []
        for i, n in enumerate(filters):
            found.append(layers.Conv2D(n, 3, 1 + i % 2, "same", use_bias=False))
            found += [normalizer(), layers.ReLU()]
        return [*found, layers.GlobalAveragePooling2D()]

    return body


def pooled_cnn(*filters: int, activation: str = "relu") -> Body:
    """Return convolutions with max pooling behind each, and the flat result."""

    def body() -> list[Any]:
        found: list[Any] = []
        for n in filters:
            found += [layers.Conv2D(n, 3, padding="same", activation=activation)]
            found += [layers.MaxPooling2D()]
        return [*found, layers.Flatten()]

    return body


def recurrent(kind: type, units: int, **arguments: Any) -> Body:
    """Return one recurrent layer."""
    return lambda: [kind(units, **_made(arguments))]


def embedded(vocabulary: int, width: int, *behind: Callable[[], Any], **arguments: Any) -> Body:
    """Return an embedding with layers behind it, the mean over the tokens if there are none."""
    others = behind or (layers.GlobalAveragePooling1D,)
    return lambda: [
        layers.Embedding(vocabulary, width, **arguments),
        *[maker() for maker in others],
    ]


def attention(inputs: Any) -> Any:
    """Return what a pre-norm block of self-attention, of two heads, makes of its inputs."""
    width = inputs.shape[-1]
    normal = layers.LayerNormalization()(inputs)
    attended = layers.MultiHeadAttention(2, width // 2)(normal, normal)
    inputs = layers.Add()([inputs, attended])
    hidden = layers.Dense(2 * width, "gelu")(layers.LayerNormalization()(inputs))
    return layers.Add()([inputs, layers.Dense(width)(hidden)])


def transformer(vocabulary: int, width: int = 16, blocks: int = 1) -> Body:
    """Return an embedding, blocks of self-attention, and the mean over the tokens."""
    return lambda: [
        layers.Embedding(vocabulary, width),
        *blocks * [attention],
        layers.LayerNormalization(),
        layers.GlobalAveragePooling1D(),
    ]


def series_transformer(width: int = 16) -> Body:
    """Return a convolution over patches, self-attention, and the mean over time."""
    return lambda: [
        layers.Conv1D(width, 4, 2, activation="relu"),
        attention,
        layers.GlobalAveragePooling1D(),
    ]


def _made(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with the results of partial functions: initializers with their own seed."""
    return {n: v() if isinstance(v, partial) else v for n, v in arguments.items()}
