"""Small KerasHub networks with random weights, trained in every way of `tests.fine_tuning`.

    python -m tests.kerashub [bert gpt2 vit resnet]

It needs keras-hub, which is in no extra of this package: KerasHub names `tensorflow-text` as a
requirement, which only its tokenizers use. `pip install --no-deps keras-hub kagglehub` with `regex`
and `tokenizers` is enough for these. KERAS_BACKEND chooses the backend.
"""

import sys
import tempfile
import time

import keras
import numpy as np
from keras_hub import models

from tests.fine_tuning import check_fine_tuning

ROWS, LENGTH, WORDS, CLASSES = 10, 8, 40, 3
SIZES = {
    "vocabulary_size": WORDS,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 32,
    "max_sequence_length": LENGTH,
}


def bert():
    """Return a classifier of texts, its backbone changed by low-rank matrices alone."""
    backbone = models.BertBackbone(**SIZES, dropout=0.1)
    backbone.enable_lora(2)
    return models.BertTextClassifier(backbone, CLASSES, activation=None)


def gpt2():
    """Return a language model, trained likewise."""
    backbone = models.GPT2Backbone(**SIZES, dropout=0.1)
    backbone.enable_lora(2)
    return models.GPT2CausalLM(backbone)


def vit():
    """Return a classifier of images, all of it trained."""
    backbone = models.ViTBackbone((16, 16, 3), 8, 2, 2, 16, 32, dropout_rate=0.1)
    return models.ViTImageClassifier(backbone, CLASSES, activation=None)


def resnet():
    """Return a classifier of images with batch normalization."""
    backbone = models.ResNetBackbone(
        [64], [3], [64, 64], [1, 1], [1, 2], "basic_block", image_shape=(16, 16, 3)
    )
    return models.ResNetImageClassifier(backbone, CLASSES, activation=None)


def texts(rng):
    """Return tokens, of which the last is padding."""
    tokens = rng.integers(1, WORDS, (ROWS, LENGTH))
    padding = np.arange(LENGTH) < LENGTH - 1
    return {"token_ids": tokens, "padding_mask": np.tile(padding, (ROWS, 1))}


def inputs_of(name, rng):
    """Return inputs and targets."""
    if name == "gpt2":
        x = texts(rng)
        return x, np.roll(x["token_ids"], -1, 1)
    labels = rng.integers(0, CLASSES, ROWS)
    if name == "bert":
        return {**texts(rng), "segment_ids": np.zeros((ROWS, LENGTH), int)}, labels
    return rng.normal(size=(ROWS, 16, 16, 3)).astype("float32"), labels


NETWORKS = {"bert": bert, "gpt2": gpt2, "vit": vit, "resnet": resnet}


def main(names):
    """Check each network under two policies; an assertion says what differs."""
    for name in names or NETWORKS:
        for policy in ("float32", "mixed_bfloat16"):
            begin = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                x, y = inputs_of(name, np.random.default_rng(0))
                monitor = check_fine_tuning(NETWORKS[name], x, y, folder, policy)
            print(
                f"{keras.backend.backend()} {name} {policy}: {monitor.history!r}, "
                f"|g| {monitor.history.global_norm[0]:.3g}; the same plain, monitored and resumed; "
                f"{time.perf_counter() - begin:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
