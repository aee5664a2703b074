"""Trainings that look wrong, and work."""

from dataclasses import replace
from functools import partial

import keras
from keras import initializers, layers

from benchmarks.diagnosis import datasets, networks, recipes, scores, spoils
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import BINARY, adam, classifier, regression, sgd


def _two_blobs(seed: int) -> datasets.Split:
    return datasets.blobs(seed, classes=2, features=6, spread=2.0)


def _counts(seed: int) -> datasets.Split:
    """Return counts that depend on the columns of Friedman's function."""
    data = datasets.friedman(seed, noise=0.0)
    y, y_test = (_count(part, seed) for part in (data.y, data.y_test))
    return data._replace(y=y, y_test=y_test, truth=y_test)


def _count(values: datasets.np.ndarray, seed: int) -> datasets.np.ndarray:
    random = datasets.np.random.default_rng(seed)
    return random.poisson(datasets.np.exp(1.5 + values)).astype("float32")


def _shares(seed: int) -> datasets.Split:
    """Return Friedman's function pressed into 0..1."""
    data = datasets.friedman(seed, noise=0.2)
    y, y_test = (1 / (1 + datasets.np.exp(-part)) for part in (data.y, data.y_test))
    return data._replace(y=y, y_test=y_test, truth=y_test)


RECIPES: dict[str, Recipe] = {
    "sigmoid with categorical cross-entropy": replace(recipes.DIGITS, output="sigmoid"),
    "binary cross-entropy on a linear unit": classifier(
        "MLP", _two_blobs, networks.mlp(16), 0.95, output="linear", optimizer=adam(1e-3)
    ),
    "cross-entropy on the pixels of an autoencoder": recipes.PICTURES,
    "raw targets near 22": regression(
        partial(datasets.curve, height=4.0, offset=22.0),
        networks.mlp(64, activation="tanh"),
        0.9,
        epochs=30,
        optimizer=adam(0.1),
    ),
    "raw pixels up to 16": replace(recipes.DIGITS_SPARSE, data=partial(datasets.digits, scale=1.0)),
    "raw columns of irises": replace(recipes.IRIS, data=partial(datasets.iris, scaled=False)),
    "most units of a wide net are dead": replace(
        recipes.DIGITS_SPARSE,
        body=networks.mlp(400, bias_initializer=initializers.Constant(-0.4)),
    ),
    "validation above training under dropout": replace(
        recipes.DIGITS_SPARSE, body=networks.mlp(96, 64, rate=0.5), epochs=15
    ),
    "targets of some hundreds": regression(
        partial(datasets.curve, height=30.0),
        networks.mlp(48, 48),
        0.9,
        epochs=40,
        optimizer=adam(0.02),
    ),
    "two softmax units for two classes": replace(
        recipes.MOONS, units=2, output="softmax", loss="sparse_categorical_crossentropy"
    ),
    "squared error of a sigmoid": replace(recipes.MOONS, loss="mse"),
    "hinge loss on labels of -1 and 1": replace(
        recipes.CANCER,
        output="tanh",
        loss="hinge",
        metrics=(),
        changes=(spoils.labels_times(2, -1),),
    ),
    "a spare output unit": replace(recipes.DIGITS_SPARSE, units=11),
    "softplus and Poisson loss for counts": regression(
        _counts, networks.mlp(48, 24), 0.5, output="softplus", loss="poisson"
    ),
    "sigmoid at the output for shares": regression(
        _shares, networks.mlp(48, 24), 0.75, output="sigmoid"
    ),
    "a frozen layer of random features": replace(
        recipes.DIGITS_SPARSE, body=networks.mlp(300), trainable=False, epochs=12, goal=0.88
    ),
    "a head that begins at zero": replace(
        recipes.DIGITS_SPARSE, head={"kernel_initializer": "zeros"}
    ),
    "linear layers for linear classes": replace(
        recipes.CANCER, body=networks.mlp(16, activation="linear")
    ),
    "few updates that are enough": replace(recipes.BLOBS, epochs=3, optimizer=adam(0.03)),
    "one class in ten": classifier(
        "MLP",
        partial(datasets.rare, share=0.12, distance=6.0),
        networks.mlp(16),
        0.9,
        epochs=8,
        score=scores.balanced,
    ),
    "a rate of .5 for a plain SGD": replace(recipes.BLOBS, optimizer=sgd(0.5)),
    "small gradients through time": replace(
        recipes.FIRST_SIGN, data=partial(datasets.first_sign, length=20), epochs=15
    ),
    "binary cross-entropy on ten one-hot sigmoids": replace(
        recipes.DIGITS, output="sigmoid", loss=BINARY, optimizer=adam(5e-3), epochs=12
    ),
    "logits of one unit": replace(
        recipes.CIRCLES,
        output="linear",
        loss=partial(keras.losses.BinaryCrossentropy, from_logits=True),
    ),
    "an embedding that stays as it began": replace(
        recipes.CONVOLVED_WORDS,
        body=networks.embedded(
            80,
            48,
            partial(layers.Conv1D, 32, 3, activation="relu"),
            layers.GlobalMaxPooling1D,
            trainable=False,
        ),
        epochs=15,
    ),
}
