"""Trainings that work, some of which look as if they did not."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
from keras import constraints, initializers, layers, losses, optimizers, regularizers

from benchmarks.diagnosis import scores, spoils
from benchmarks.diagnosis.case import Case, Cases
from benchmarks.diagnosis.datasets import Split
from benchmarks.diagnosis.held_out import bodies as b
from benchmarks.diagnosis.held_out import recipes as r
from benchmarks.diagnosis.held_out import signals, tables
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import BINARY, adam, rmsprop, sgd

USUAL = (
    "CHURN",
    "TYPES",
    "ODD",
    "OWN",
    "PAIRS",
    "SYMPTOMS",
    "DEFECTS",
    "SHAPES_OWN",
    "TILES_SGD",
    "MASKS",
    "PULSES",
    "DOTS",
    "ORDERS",
    "PENDULUM",
    "PEAKS",
    "SUMS",
    "GENES",
    "STARS",
    "DIABETES",
    "CIRCUITS",
    "FARES",
    "SPECTRA",
)


def _padded(data: Split) -> Split:
    """Return tokens from 1 on, with zeros behind them."""
    x, x_test = (np.pad(x + 1, ((0, 0), (0, 4))) for x in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def _targets_times(factor: float, offset: float, data: Split) -> Split:
    y, y_test = ((factor * y + offset).astype("float32") for y in (data.y, data.y_test))
    return data._replace(y=y, y_test=y_test, truth=y_test)


def _normalized_circuits() -> list[layers.Layer]:
    mean, deviation = (50.0, 950.0, 0.5, 6.0), (29.0, 480.0, 0.29, 2.9)
    known = layers.Normalization(mean=mean, variance=[each**2 for each in deviation])
    return [known, layers.Dense(32, "elu"), layers.Dense(16, "elu")]


HEADS: dict[str, Recipe] = {
    "sigmoid with categorical cross-entropy, rows of digits": replace(r.ROWS, output="sigmoid"),
    "tanh for a cosine and a sine": replace(r.BARS, output="tanh"),
    "ReLU for a number of dots": replace(r.DOTS, output="relu"),
    "exponential output and Poisson loss": replace(
        r.COUNTS, data=tables.rentals, output="exponential", loss="poisson", goal=0.6
    ),
    "sigmoid and cross-entropy for shares of bicycles": replace(
        r.COUNTS, data=partial(tables.rentals, target="share"), output="sigmoid", loss=BINARY
    ),
    "two softmax units for who leaves": replace(
        r.CHURN, units=2, output="softmax", loss="sparse_categorical_crossentropy"
    ),
    "squared error of a softmax and one-hot rows": replace(r.TYPES, loss="mse"),
    "divergence of a softmax": replace(r.ROWS, loss=losses.KLDivergence),
    "logits of four hues": replace(
        r.TILES,
        output="linear",
        loss=partial(losses.SparseCategoricalCrossentropy, from_logits=True),
    ),
    "logits of one unit, pairs": replace(
        r.PAIRS, output="linear", loss=partial(losses.BinaryCrossentropy, from_logits=True)
    ),
    "binary cross-entropy on a linear unit, defects": replace(
        r.DEFECTS,
        data=partial(tables.defects, share=0.4, distance=3.0),
        class_weight=None,
        output="linear",
        optimizer=adam(1e-3),
        epochs=20,
        goal=0.9,
    ),
    "a softmax layer of its own": replace(
        r.NAMES,
        units=0,
        body=b.then(r.NAMES.body, partial(layers.Dense, 4), layers.Softmax),
    ),
    "two spare letters' classes": replace(r.NAMES, units=6),
    "focal loss for defects": replace(
        r.DEFECTS, loss=partial(losses.BinaryFocalCrossentropy, gamma=1.0)
    ),
    "log cosh of fares": replace(r.FARES, loss="log_cosh"),
}
SCALES: dict[str, Recipe] = {
    "places from 4.7 to 14 with Adam(.03)": replace(
        r.ROLL, data=partial(tables.roll, scaled_target=False), optimizer=adam(0.03)
    ),
    "targets around 22 with Adam(.1)": replace(
        r.COUNTS, changes=(partial(_targets_times, 2.0, 22.0),), optimizer=adam(0.1), goal=0.7
    ),
    "large gradients of a hand in centimetres": replace(
        r.ARM, changes=(partial(_targets_times, 30.0, 0.0),), optimizer=adam(0.05)
    ),
    "colours up to 255, scaled in the network": replace(
        r.TILES,
        data=partial(signals.tiles, scale=255.0),
        body=lambda: [layers.Rescaling(1 / 255), *r.TILES.body()],
    ),
    "raw circuits, normalized in the network": replace(
        r.CIRCUITS, data=tables.raw_circuits, body=_normalized_circuits
    ),
    "raw customers, normalized by batches": replace(
        r.CHURN,
        data=tables.raw_churn,
        body=lambda: [layers.BatchNormalization(momentum=0.9), *b.dense(32, 16)()],
    ),
    "words with a mask behind them": replace(
        r.REVIEWS,
        changes=(_padded,),
        body=b.read(201, 16, layers.GlobalAveragePooling1D, mask_zero=True),
    ),
}
NETWORKS: dict[str, Recipe] = {
    "attention over letters": replace(
        r.NAMES, body=b.read(21, 16, lambda: b.attends), optimizer=adam(5e-3)
    ),
    "most of 400 units are dead": replace(
        r.RINGS, body=b.dense(400, bias_initializer=initializers.Constant(-0.15))
    ),
    "half of the units dropped out": replace(
        r.REVIEWS,
        body=b.read(200, 32, layers.GlobalAveragePooling1D, partial(layers.Dropout, 0.5)),
    ),
    "noise and a weight norm": replace(
        r.TYPES,
        body=b.then(
            b.of(partial(layers.GaussianNoise, 0.2)),
            partial(layers.Dense, 48, "relu", kernel_constraint=constraints.MaxNorm(3)),
        ),
    ),
    "random features of rings": replace(
        r.RINGS, body=b.dense(300, bend="silu"), trainable=False, optimizer=adam(0.02), goal=0.8
    ),
    "a linear model of progress": replace(r.DIABETES, body=b.of(), optimizer=sgd(0.02)),
    "two linear layers for progress": replace(r.DIABETES, body=b.dense(8, bend="linear")),
    "a head of zeros for hues": replace(r.TILES, head={"kernel_initializer": "zeros"}),
    "ten layers of SELU": replace(
        r.RINGS,
        body=b.dense(*(10 * [24]), bend="selu", kernel_initializer="lecun_normal"),
        optimizer=adam(2e-3),
        goal=0.8,
    ),
    "PReLU and L2 of 1e-4": replace(
        r.COUNTS, body=b.dense(32, 16, bend=layers.PReLU, kernel_regularizer=regularizers.L2(1e-4))
    ),
    "a narrow middle is the point": replace(
        r.SPECTRA, body=b.dense(32, 6, 32, bend="tanh"), loss="mse", optimizer=adam(0.01)
    ),
}
PLANS: dict[str, Recipe] = {
    "SGD(.5) on types": replace(r.TYPES, optimizer=sgd(0.5), body=b.dense(32)),
    "Lion on letters": replace(r.NAMES, optimizer=partial(optimizers.Lion, 2e-3)),
    "batches of three": replace(r.CHURN_TANH, optimizer=sgd(0.01), batch_size=3, epochs=2),
    "all rows in a batch": replace(
        r.TYPES, batch_size=600, epochs=60, optimizer=adam(0.01), body=b.dense(32)
    ),
    "four epochs for letters": replace(r.NAMES, optimizer=adam(0.03), epochs=4),
    "warm restarts": replace(
        r.ROLL, optimizer=adam(optimizers.schedules.CosineDecayRestarts(5e-3, 60))
    ),
    "warmup and decay": replace(
        r.SHAPES,
        optimizer=adam(
            optimizers.schedules.CosineDecay(
                1e-4, 120, warmup_target=5e-3, warmup_steps=20, alpha=0.05
            )
        ),
    ),
    "one defect in eight, clearly seen": replace(
        r.DEFECTS,
        data=partial(tables.defects, share=0.12, distance=3.5),
        class_weight=None,
        goal=0.9,
        score=scores.balanced,
    ),
    "sorted shapes, shuffled by fit": replace(r.SHAPES, changes=(spoils.sorted_by_class,)),
    "rows in any order, the last set aside": replace(
        r.PULSES, split=0.2, validated=False, shuffle=False, optimizer=rmsprop(5e-3)
    ),
    "learned by heart, and right": replace(r.ODD, epochs=25, optimizer=adam(5e-3)),
    "clipped gradients through time": replace(
        r.PEAKS, optimizer=partial(keras.optimizers.Adam, 0.02, global_clipnorm=1.0)
    ),
    "averaged weights": replace(
        r.CHURN_TANH, optimizer=partial(optimizers.AdamW, 5e-3, use_ema=True, ema_momentum=0.9)
    ),
}


def cases() -> Cases:
    """Return all healthy cases."""
    usual = {f"as usual, {n.lower().replace('_', ' ')}, held out": getattr(r, n) for n in USUAL}
    named = usual | HEADS | SCALES | NETWORKS | PLANS
    return tuple(Case(name, recipe) for name, recipe in named.items())
