"""Networks that learn their rows by heart."""

from functools import partial

import numpy as np
from keras import layers, regularizers

from benchmarks.diagnosis import datasets, networks, recipes
from benchmarks.diagnosis.case import Cases, fault, trained
from benchmarks.diagnosis.recipes import adam

NAME = "overfitting"


def cases() -> Cases:
    """Return all of them."""
    small = recipes.regression(
        datasets.few_points,
        networks.mlp(),
        0.25,
        head={"kernel_regularizer": regularizers.L2(0.1)},
        epochs=60,
        batch_size=16,
    )
    noisy = recipes.classifier(
        "MLP",
        datasets.overlapping,
        networks.mlp(),
        0.66,
        head={"kernel_regularizer": regularizers.L2(0.05)},
        epochs=30,
    )
    pieces = recipes.classifier(
        "CNN",
        partial(_few_stripes, 60),
        networks.chain(
            partial(layers.Conv2D, 8, 3, activation="relu"),
            layers.GlobalAveragePooling2D,
        ),
        0.75,
        3,
        epochs=60,
        batch_size=16,
    )
    texts = recipes.classifier(
        "embedding",
        _mislabelled,
        networks.embedded(60, 4),
        0.8,
        epochs=12,
        batch_size=16,
    )
    wide = {"body": networks.mlp(256, 256), "epochs": 80}
    return (
        trained("a wide net on 48 noisy rows", small, fault(NAME, **wide, optimizer=adam(3e-3))),
        trained(
            "a wide net on wrong labels",
            noisy,
            fault(NAME, body=networks.mlp(128, 128), epochs=40, optimizer=adam(3e-3)),
        ),
        trained(
            "a dense net on 60 pictures",
            pieces,
            fault(
                NAME,
                body=networks.chain(layers.Flatten, *(2 * [partial(layers.Dense, 64, "relu")])),
                epochs=40,
            ),
        ),
        trained(
            "an LSTM on mislabelled words",
            texts,
            fault(
                NAME,
                body=networks.embedded(60, 32, partial(layers.LSTM, 32)),
                epochs=25,
            ),
        ),
        trained(
            "a deep tanh net on 48 noisy rows",
            small,
            fault(
                NAME,
                body=networks.mlp(64, 64, 64, activation="tanh"),
                epochs=80,
                optimizer=adam(5e-3),
            ),
        ),
    )


def _mislabelled(seed: int) -> datasets.Split:
    data = datasets.words(seed, rows=400)
    wrong = np.random.default_rng(seed).random(len(data.y)) < 0.3
    return data._replace(y=np.where(wrong, 1 - data.y, data.y))


def _few_stripes(rows: int, seed: int) -> datasets.Split:
    data = datasets.stripes(seed, noise=1.8)
    return data._replace(x=data.x[:rows], y=data.y[:rows])
