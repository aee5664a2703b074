"""A search over the digits: eight hyperparameters, of which some depend on others."""

import tempfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

VALIDATION = 0.25
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Return a compiled multilayer perceptron."""
    activation = hp.Choice("activation", ["relu", "tanh"])
    dropout = hp.Float("dropout", 0.0, 0.5)
    model = keras.Sequential([keras.Input((64,))])
    for i in range(hp.Int("layers", 1, 3)):
        with hp.conditional_scope("layers", list(range(i + 1, 4))):
            units = hp.Int(f"units_{i}", 32, 128, step=32)
        model.add(keras.layers.Dense(units, activation))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(10))
    optimizer = OPTIMIZERS[hp.Choice("optimizer", list(OPTIMIZERS))]
    model.compile(
        optimizer(hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def searched(
    kind: type,
    trials: int,
    seed: int,
    epochs: int,
    search: Mapping[str, Any] = MappingProxyType({}),
    **options: Any,
) -> Any:
    """Return a tuner of a kind that has run its trials; the data is split in one way.

    Args:
        kind: class of the tuner.
        trials: how many.
        seed: of the search.
        epochs: of each trial.
        search: further arguments of `search`.
        **options: of the tuner.
    """
    x, y = load_digits(return_X_y=True)
    scaled = ((x - x.mean(0)) / (x.std(0) + 1e-6)).astype("float32")
    split = train_test_split(scaled, y, test_size=VALIDATION, random_state=0, stratify=y)
    x_train, x_val, y_train, y_val = split
    tuner = kind(
        build_model,
        keras_tuner.Objective("val_accuracy", "max"),
        max_trials=trials,
        seed=seed,
        directory=tempfile.mkdtemp(),
        **options,
    )
    tuner.search(
        x_train, y_train, validation_data=(x_val, y_val), epochs=epochs, verbose=0, **search
    )
    return tuner


def scores(tuner: Any) -> np.ndarray:
    """Return the scores of all trials in the order of their numbers, 0 where one has failed."""
    trials = sorted(tuner.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
    return np.array([trial.score or 0.0 for trial in trials])
