"""Networks: functions that return the hidden layers, often with branches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import layers

from benchmarks.diagnosis.recipe import Body


def dense(*widths: int, bend: Callable[[], Any] | str = "relu", **arguments: Any) -> Body:
    """Return dense layers; `bend` is an activation, or makes a layer behind each of them.

    An argument that is a `partial` is made anew for each layer.
    """

    def body() -> list[Any]:
        found: list[Any] = []
        for width in widths:
            own = {n: v() if isinstance(v, partial) else v for n, v in arguments.items()}
            is_named = isinstance(bend, str)
            found.append(layers.Dense(width, bend if is_named else None, **own))
            found += [] if is_named else [bend()]
        return found

    return body


def of(*makers: Callable[[], Any]) -> Body:
    """Return a body of what each maker returns."""
    return lambda: [make() for make in makers]


def function(function: Callable[[Any], Any]) -> Body:
    """Return a body that is one function of the inputs."""
    return lambda: [function]


def wide_and_deep(x: Any) -> Any:
    """Return the columns beside what two layers make of them."""
    deep = layers.Dense(32, "relu")(x)
    return layers.Concatenate()([x, layers.Dense(16, "relu")(deep)])


def dense_blocks(x: Any) -> Any:
    """Return the inputs with three layers' outputs added to them, one beside another."""
    for _ in range(3):
        x = layers.Concatenate()([x, layers.Dense(24, "silu")(x)])
    return x


def skips(x: Any, depth: int = 3, bend: str = "gelu") -> Any:
    """Return what residual blocks with layer normalization make of the inputs."""
    x = layers.Dense(32)(x)
    for _ in range(depth):
        hidden = layers.Dense(32, bend)(layers.LayerNormalization()(x))
        x = x + layers.Dense(32)(hidden)
    return x


def twins(x: Any, encoder: Body) -> Any:
    """Return how far apart an encoder, the same for both, puts the halves of a row."""
    encode = keras.Sequential(encoder())
    half = x.shape[1] // 2
    left, right = encode(x[:, :half]), encode(x[:, half:])
    return layers.Dense(16, "relu")(keras.ops.abs(left - right))


def kernels(x: Any) -> Any:
    """Return what short and long convolutions find, wherever it is."""
    found = [layers.Conv1D(8, size, padding="same", activation="relu")(x) for size in (3, 9)]
    return layers.GlobalMaxPooling1D()(layers.Concatenate()(found))


def films(x: Any, width: int = 6) -> Any:
    """Return what users' and films' embeddings say about each other, and both."""
    user = layers.Embedding(30, width)(x[:, 0])
    film = layers.Embedding(20, width)(x[:, 1])
    both = layers.Concatenate()([user, film, user * film])
    return layers.Dense(16, "relu")(both)


def conv(*filters: int, bend: str = "relu", end: Any = layers.Flatten, **arguments: Any) -> Body:
    """Return convolutions with max pooling between them, flattened at the end."""

    def body() -> list[Any]:
        found: list[Any] = []
        for count in filters:
            found += [layers.Conv2D(count, 3, activation=bend, padding="same", **arguments)]
            found += [layers.MaxPooling2D()]
        return [*found, end()]

    return body


def separable(x: Any, momentum: float = 0.9) -> Any:
    """Return what separable convolutions with batch normalization find."""
    for count in (12, 16):
        x = layers.SeparableConv2D(count, 3, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU()(layers.BatchNormalization(momentum=momentum)(x))
        x = layers.MaxPooling2D()(x)
    return layers.Flatten()(x)


def pixelwise(x: Any) -> Any:
    """Return features of each pixel, from near and from far."""
    near = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    far = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(near))
    return layers.Concatenate()([near, layers.UpSampling2D()(far)])


def read(vocabulary: int, width: int, *makers: Callable[[], Any], **arguments: Any) -> Body:
    """Return an embedding, and what is behind it."""
    return of(partial(layers.Embedding, vocabulary, width, **arguments), *makers)


def both_ways(layer: Any, units: int, **arguments: Any) -> Callable[[], Any]:
    """Return a maker of a recurrence in both directions."""
    return lambda: layers.Bidirectional(layer(units, **arguments))


class Own(keras.Model):
    """A model as people write it: layers kept in `__init__`, used in `call`."""

    def __init__(self, parts: Sequence[Any]) -> None:
        super().__init__()
        self.parts = list(parts)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs of the last layer."""
        for part in self.parts:
            is_dropout = isinstance(part, layers.Dropout)
            inputs = part(inputs, training=training) if is_dropout else part(inputs)
        return inputs


class Places(layers.Layer):
    """Adds a vector that is learned for each place."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the vectors."""
        self.vectors = self.add_weight(shape=input_shape[1:], initializer="glorot_uniform")

    def call(self, inputs: Any) -> Any:
        """Return the sums."""
        return inputs + self.vectors


def attends(x: Any, width: int = 16) -> Any:
    """Return the mean of tokens with places, after they looked at each other."""
    x = Places()(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, width // 2)(x, x))
    x = x + layers.Dense(width)(layers.Dense(2 * width, "silu")(x))
    return layers.GlobalAveragePooling1D()(x)


def then(body: Body, *makers: Callable[[], Any]) -> Body:
    """Return a body with more layers behind it."""
    return lambda: [*body(), *(make() for make in makers)]
