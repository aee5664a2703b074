"""Other optimizers, depths, widths, activations, normalizers, losses and plans that work."""

from dataclasses import replace
from functools import partial
from typing import Any

import keras
from keras import layers, optimizers, regularizers

from benchmarks.diagnosis import datasets, networks, recipes
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import adam, classifier, regression, rmsprop, sgd


def _stacked(kind: type, *units: int) -> Any:
    first = [partial(kind, n, return_sequences=True) for n in units[:-1]]
    return networks.chain(*first, partial(kind, units[-1]))


def _both_ways() -> layers.Layer:
    return layers.Bidirectional(layers.GRU(8))


MLPS: dict[str, Recipe] = {
    "AdamW and GELU": replace(
        recipes.SPIRALS,
        body=networks.mlp(48, 48, activation="gelu"),
        optimizer=partial(optimizers.AdamW, 1e-2),
    ),
    "Nadam and swish": replace(
        recipes.DIGITS_SPARSE,
        body=networks.mlp(48, activation="swish"),
        optimizer=partial(optimizers.Nadam, 5e-3),
    ),
    "Nesterov's momentum and leaky ReLU": replace(
        recipes.DIGITS,
        body=networks.mlp(48, 48, activation="leaky_relu"),
        optimizer=sgd(0.05, 0.9, nesterov=True),
    ),
    "Adagrad": replace(recipes.BLOBS, optimizer=partial(optimizers.Adagrad, 0.1)),
    "Lion": replace(recipes.MOONS, optimizer=partial(optimizers.Lion, 2e-3)),
    "Adamax and tanh": replace(
        recipes.WINE,
        body=networks.mlp(24, activation="tanh"),
        optimizer=partial(optimizers.Adamax, 0.02),
    ),
    "plain SGD for digits": recipes.DIGITS_PLAIN,
    "eight layers of ReLU from He's weights": replace(
        recipes.DIGITS_SPARSE,
        body=networks.mlp(*(8 * [48]), kernel_initializer="he_normal"),
        optimizer=adam(1e-3),
        epochs=15,
        goal=0.88,
    ),
    "eight layers of SELU": replace(
        recipes.SPIRALS,
        body=networks.mlp(*(8 * [32]), activation="selu", kernel_initializer="lecun_normal"),
        optimizer=adam(3e-3),
    ),
    "four residual blocks": replace(
        recipes.DIGITS_SPARSE,
        body=networks.residual_mlp(32, 4),
        optimizer=adam(3e-3),
        epochs=5,
    ),
    "batch normalization": replace(
        recipes.DIGITS_SPARSE, body=networks.normalized_mlp(48, 24), epochs=12
    ),
    "L2 of 1e-4 and clipped gradients": replace(
        recipes.DIGITS,
        body=networks.mlp(64, 32, kernel_regularizer=regularizers.L2(1e-4)),
        optimizer=sgd(0.1, 0.9, global_clipnorm=1.0),
    ),
    "label smoothing": replace(
        recipes.DIGITS, loss=partial(keras.losses.CategoricalCrossentropy, label_smoothing=0.1)
    ),
    "logits": replace(
        recipes.DIGITS_SPARSE,
        output="linear",
        loss=partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
        optimizer=rmsprop(3e-3),
    ),
    "batches of four": replace(recipes.IRIS, batch_size=4, epochs=25, optimizer=sgd(0.02)),
    "batches of 256": replace(
        recipes.DIGITS_SPARSE, batch_size=256, epochs=40, optimizer=adam(5e-3)
    ),
    "validation_split of rows in any order": replace(
        recipes.CANCER, split=0.2, validated=False, shuffle=False
    ),
    "a cosine decay to 0": replace(
        recipes.SPIRALS,
        optimizer=adam(optimizers.schedules.CosineDecay(1e-2, 25 * 22)),
    ),
}
OTHERS: dict[str, Recipe] = {
    "batch normalization over stripes": replace(
        recipes.STRIPES, body=networks.normalized_cnn(12, 16), epochs=15, optimizer=adam(0.01)
    ),
    "group normalization over images": replace(
        recipes.NORMALIZED_CNN,
        body=networks.normalized_cnn(12, 24, normalizer=partial(layers.GroupNormalization, 4)),
        epochs=12,
    ),
    "max pooling": replace(
        recipes.DIGITS_CNN, body=networks.pooled_cnn(12, 16), optimizer=adam(1e-2)
    ),
    "two LSTMs": replace(recipes.FIRST_SIGN, body=_stacked(layers.LSTM, 12, 8)),
    "GRU in both directions": replace(recipes.WAVES, body=networks.chain(_both_ways)),
    "a class for each token": classifier(
        "RNN",
        datasets.tagged,
        networks.embedded(12, 12, partial(layers.GRU, 16, return_sequences=True)),
        0.95,
        3,
        epochs=12,
        optimizer=adam(0.02),
    ),
    "masked padding": classifier(
        "embedding",
        partial(datasets.padded, front=False, length=20),
        networks.embedded(61, 12, partial(layers.LSTM, 12), mask_zero=True),
        0.85,
        epochs=10,
    ),
    "two blocks of attention": replace(
        recipes.TRANSFORMER, body=networks.transformer(60, 16, 2), optimizer=adam(3e-3)
    ),
    "Huber's loss": replace(recipes.HOUSES, loss="huber"),
    "absolute error": replace(recipes.FRIEDMAN, loss="mae"),
    "a linear regression": regression(
        partial(datasets.few_points, rows=300, noise=0.3), networks.mlp(), 0.6, optimizer=sgd(0.05)
    ),
}
RECIPES = MLPS | OTHERS
