"""Rows that are too few, alike or in order: for batch normalization, or for the whole network."""

from functools import partial

import keras
from keras import layers, regularizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out import bodies, recipes, tables
from benchmarks.diagnosis.recipes import classifier

BEHIND, SMALL = "moving_statistics_behind|batch_norm_gap", "too_small_batch|batch_norm_gap"


def normalization() -> Cases:
    """Return statistics of batches that say too little, or come too late."""
    late = partial(bodies.separable, momentum=0.9999)
    normalized = classifier("MLP", tables.rings, bodies.function(_normalized), 0.8, 3, epochs=15)
    gap = "batch_norm_gap|moving_statistics_behind|unshuffled_split|bad_data"
    ordered = {"spoils": (spoils.sorted_by_class,), "shuffle": False}
    return (
        static(
            "momentum of .9999 in separable convolutions",
            recipes.SHAPES_OWN,
            fault(BEHIND, body=bodies.function(late)),
        ),
        trained("sorted rings, not shuffled, normalized", normalized, fault(gap, **ordered)),
        trained("single rows, normalized", normalized, fault(SMALL, batch_size=1, epochs=1)),
        trained(
            "pairs of rows, normalized, and no softmax",
            normalized,
            fault(SMALL, batch_size=2, epochs=2),
            fault("missing_output_activation", output="linear"),
        ),
    )


def by_heart() -> Cases:
    """Return networks that learn their rows by heart."""
    name = "overfitting"
    sparse = classifier(
        "MLP",
        tables.trials,
        bodies.of(),
        0.75,
        head={"kernel_regularizer": regularizers.L1(0.08)},
        epochs=60,
        batch_size=10,
    )
    return (
        trained(
            "sixty patients with a hundred columns",
            sparse,
            fault(name, body=bodies.dense(128, 64), head={}),
        ),
        trained(
            "a wide network for 331 patients",
            recipes.DIABETES,
            fault(name, body=bodies.dense(128, 128), epochs=50),
        ),
        trained(
            "forty genes, again and again",
            recipes.GENES,
            fault(name, spoils=(spoils.few_rows(40),), epochs=80),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*normalization(), *by_heart())


def _normalized(x: keras.KerasTensor) -> keras.KerasTensor:
    for width in (32, 24):
        x = layers.BatchNormalization(momentum=0.9)(layers.Dense(width, use_bias=False)(x))
        x = layers.LeakyReLU()(x)
    return x
