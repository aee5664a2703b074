"""A miniature transformer, fine-tuned by low-rank matrices. Whole networks: `tests.kerashub`."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.fine_tuning import check_fine_tuning


class Tokens(layers.Layer):
    """Embeds tokens and their positions."""

    def __init__(self):
        super().__init__()
        self.token, self.position = layers.Embedding(20, 8), layers.Embedding(8, 8)

    def build(self, shape):
        self.token.build(shape)
        self.position.build(shape)

    def call(self, x):
        return self.token(x) + self.position(ops.arange(ops.shape(x)[1]))

    def compute_output_shape(self, shape):
        return (*shape, 8)


def transformer():
    """Return one for sequences of any length whose attention and tokens learn low-rank changes."""
    inputs = keras.Input((None,), dtype="int32")
    tokens, attention = Tokens(), layers.MultiHeadAttention(2, 4, dropout=0.1)
    x = tokens(inputs)
    x = layers.LayerNormalization()(x + attention(x, x, use_causal_mask=True))
    hidden = layers.Dropout(0.1)(layers.Dense(16, "gelu")(x))
    x = layers.LayerNormalization()(x + layers.Dense(8)(hidden))
    model = keras.Model(inputs, layers.Dense(20)(x))
    for layer in (tokens.token, attention.query_dense, attention.value_dense):
        layer.enable_lora(2)
    return model


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("mixed_bfloat16", marks=pytest.mark.short("torch")),
        pytest.param("float32", marks=pytest.mark.short()),
    ],
)
def test_transformer_is_observed_untouched_and_resumed(policy, tmp_path):
    x = np.random.default_rng(0).integers(0, 20, (10, 6))
    monitor = check_fine_tuning(transformer, x, np.roll(x, -1, 1), tmp_path, policy)
    assert sum("lora" in name for name in monitor.history.variables) == 6
