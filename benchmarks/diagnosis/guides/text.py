"""Guides that read sequences of tokens."""

from typing import Any

import keras
from keras import layers, ops

from benchmarks.diagnosis import datasets
from benchmarks.diagnosis.guides.guide import Guide, Training
from benchmarks.diagnosis.guides.judging import validated

VOCABULARY, LENGTH = 60, 40


def _convolutions() -> Training:
    """Return "Text classification from scratch"."""
    data = datasets.words(0, rows=3000, length=60)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int64"),
            layers.Embedding(VOCABULARY, 32),
            layers.Dropout(0.5),
            layers.Conv1D(32, 7, strides=3, padding="valid", activation="relu"),
            layers.Conv1D(32, 7, strides=3, padding="valid", activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid", name="predictions"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return validated(model, data, epochs=3, batch_size=32)


def _both_ways() -> Training:
    """Return "Bidirectional LSTM on IMDB": short reviews have zeros in front."""
    data = datasets.padded(0, front=True, length=20, rows=2400)
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(VOCABULARY + 1, 32)(tokens)
    x = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(16))(x)
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return validated(model, data, epochs=4, batch_size=32)


@keras.saving.register_keras_serializable("guides")
class TransformerBlock(layers.Layer):
    """Self-attention and a small network, each added to its input and normalized."""

    def __init__(self, width: int, heads: int, hidden: int, rate: float = 0.1, **rest: Any) -> None:
        super().__init__(**rest)
        self.attention = layers.MultiHeadAttention(heads, width)
        self.network = keras.Sequential(
            [layers.Dense(hidden, activation="relu"), layers.Dense(width)]
        )
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.dropouts = [layers.Dropout(rate) for _ in range(2)]

    def call(self, inputs: Any) -> Any:
        """Return what the block makes of its inputs."""
        attended = self.dropouts[0](self.attention(inputs, inputs))
        middle = self.norms[0](inputs + attended)
        return self.norms[1](middle + self.dropouts[1](self.network(middle)))


@keras.saving.register_keras_serializable("guides")
class TokenAndPosition(layers.Layer):
    """The sum of an embedding of the tokens and one of their places."""

    def __init__(self, length: int, vocabulary: int, width: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.tokens = layers.Embedding(vocabulary, width)
        self.places = layers.Embedding(length, width)

    def call(self, inputs: Any) -> Any:
        """Return the embedded tokens."""
        return self.tokens(inputs) + self.places(ops.arange(ops.shape(inputs)[-1]))


def _transformer() -> Training:
    """Return "Text classification with Transformer"."""
    data = datasets.words(0, rows=3000, length=LENGTH)
    tokens = keras.Input((LENGTH,))
    x = TokenAndPosition(LENGTH, VOCABULARY, 32)(tokens)
    x = TransformerBlock(32, 2, 32)(x)
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    model = keras.Model(tokens, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return validated(model, data, epochs=2, batch_size=32)


GUIDES = (
    Guide("text classification from scratch", 0.85, _convolutions),
    Guide("bidirectional LSTM on reviews", 0.85, _both_ways),
    Guide("text classification with a transformer", 0.9, _transformer),
)
