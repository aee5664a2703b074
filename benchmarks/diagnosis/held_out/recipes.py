"""Trainings that work: each is the mended twin of several broken ones."""

from dataclasses import replace
from functools import partial

import keras
from keras import layers, optimizers

from benchmarks.diagnosis import scores, spoils
from benchmarks.diagnosis.held_out import bodies as b
from benchmarks.diagnosis.held_out import signals as s
from benchmarks.diagnosis.held_out import tables as t
from benchmarks.diagnosis.recipes import (
    BINARY,
    ONE_HOT,
    adam,
    classifier,
    regression,
    rmsprop,
    sgd,
)

losses = keras.losses
BOTH_WAYS = b.both_ways(layers.LSTM, 10)

CHURN = classifier(
    "MLP", t.churn, b.wide_and_deep, 0.9, loss=losses.BinaryCrossentropy, optimizer=adam(5e-3)
)
CHURN = replace(CHURN, body=b.function(b.wide_and_deep), epochs=15)
CHURN_TANH = replace(
    CHURN, body=b.dense(24, 12, bend="tanh"), optimizer=sgd(0.1, 0.9, nesterov=True), loss=BINARY
)
RINGS = classifier(
    "MLP", t.rings, b.dense(48, 24, bend="selu"), 0.85, 3, epochs=20, metrics=("acc",)
)
TYPES = classifier(
    "MLP",
    t.informative,
    b.function(b.dense_blocks),
    0.85,
    4,
    loss=partial(losses.CategoricalCrossentropy, label_smoothing=0.05),
    changes=(spoils.one_hot,),
    optimizer=partial(optimizers.Nadam, 2e-3),
    batch_size=50,
    epochs=15,
)
ODD = classifier(
    "MLP", t.odd_digits, b.dense(40, bend=layers.LeakyReLU), 0.9, metrics=(), batch_size=24
)
ODD = replace(ODD, optimizer=sgd(0.05, 0.9), epochs=12)
OWN = classifier("MLP", t.rings, b.dense(32, 32, bend="silu"), 0.85, 3, of_layers=b.Own, epochs=16)
PAIRS = classifier(
    "MLP",
    t.pairs,
    b.function(partial(b.twins, encoder=b.dense(24, 12, bend="gelu"))),
    0.9,
    optimizer=adam(5e-3),
    epochs=12,
)
SYMPTOMS = classifier("MLP", t.symptoms, b.dense(64, bend="gelu"), 0.6, 5, epochs=20)
SYMPTOMS = replace(
    SYMPTOMS, output="sigmoid", loss=BINARY, metrics=("binary_accuracy",), score=scores.all_labels
)
DEFECTS = classifier(
    "MLP",
    t.defects,
    b.dense(12, bend="tanh"),
    0.74,
    class_weight={0: 1.0, 1: 20.0},
    score=scores.balanced,
    optimizer=adam(3e-3),
    batch_size=64,
    epochs=12,
)

SHAPES = classifier("CNN", s.shapes, b.conv(12, 16), 0.85, 3, epochs=10, optimizer=adam(5e-3))
SHAPES_OWN = replace(SHAPES, body=b.function(b.separable), epochs=14, goal=0.8)
TILES = classifier(
    "CNN",
    s.tiles,
    b.conv(8, 8, end=layers.GlobalAveragePooling2D),
    0.85,
    4,
    optimizer=rmsprop(5e-3),
    epochs=12,
)
TILES_SGD = replace(
    TILES, body=b.conv(8, bend="elu"), optimizer=sgd(0.05, 0.9), batch_size=20, epochs=10
)
MASKS = classifier("CNN", s.masks, b.function(b.pixelwise), 0.93, epochs=10)
PULSES = classifier("CNN", s.pulses, b.function(b.kernels), 0.9, 3, epochs=12)
NARROW = classifier(
    "CNN", partial(s.pulses, classes=2), b.function(b.kernels), 0.92, epochs=10, metrics=("AUC",)
)
BARS = regression(s.bars, b.conv(8, 16), 0.9, 2, family="CNN", epochs=10, optimizer=adam(3e-3))
DOTS = regression(s.dots, b.conv(8), 0.85, family="CNN", epochs=12, optimizer=adam(3e-3))

ORDERS = classifier("RNN", s.orders, b.read(12, 8, BOTH_WAYS), 0.9, epochs=10, optimizer=adam(0.02))
ROWS = classifier(
    "RNN", t.rows_of_digits, b.of(partial(layers.GRU, 20)), 0.88, 6, optimizer=adam(0.01)
)
ROWS = replace(ROWS, epochs=8, loss=ONE_HOT, changes=(spoils.one_hot,))
PENDULUM = regression(s.pendulum, b.of(partial(layers.LSTM, 16)), 0.9, 2, family="RNN", epochs=10)
PEAKS = regression(
    s.peaks, b.of(partial(layers.GRU, 16)), 0.85, family="RNN", epochs=14, optimizer=adam(0.02)
)
SUMS = regression(
    s.sums,
    b.of(partial(layers.GRU, 20)),
    0.9,
    family="RNN",
    epochs=12,
    optimizer=adam(0.02),
)

GENES = classifier(
    "embedding",
    s.genes,
    b.read(4, 6, partial(layers.Conv1D, 16, 4, activation="relu"), layers.GlobalMaxPooling1D),
    0.8,
    epochs=12,
)
NAMES = classifier(
    "embedding", s.names, b.read(21, 8, layers.Flatten, partial(layers.Dense, 16, "relu")), 0.9, 4
)
NAMES = replace(NAMES, epochs=10, optimizer=partial(optimizers.Adamax, 0.02))
REVIEWS = classifier(
    "embedding",
    s.reviews,
    b.read(200, 16, layers.GlobalAveragePooling1D, partial(layers.Dropout, 0.2)),
    0.85,
    5,
    loss=losses.SparseCategoricalCrossentropy,
    optimizer=adam(0.02),
    epochs=12,
)
STARS = regression(t.ratings, b.function(b.films), 0.6, family="embedding", epochs=14)

DIABETES = regression(t.diabetes, b.dense(16, bend="relu"), 0.35, epochs=15, optimizer=adam(3e-3))
ROLL = regression(
    t.roll, b.dense(48, 48, bend="gelu"), 0.9, loss="huber", optimizer=adam(5e-3), epochs=15
)
CIRCUITS = regression(
    t.circuits, b.dense(32, 16, bend="elu"), 0.9, loss="mae", optimizer=rmsprop(2e-3)
)
CIRCUITS = replace(CIRCUITS, epochs=15)
CIRCUITS_SGD = replace(CIRCUITS, loss="mse", optimizer=sgd(0.02, 0.9, clipnorm=1.0))
COUNTS = regression(partial(t.rentals, target="log"), b.dense(48, 24, bend="silu"), 0.75, epochs=20)
FARES = regression(t.fares, b.function(b.skips), 0.85, optimizer=adam(3e-3), epochs=12)
ARM = regression(t.arm, b.dense(40, 40, bend="tanh"), 0.9, 2, epochs=15, metrics=("mae",))
SPECTRA = regression(
    s.spectra,
    b.dense(24, 5, 24, bend="elu"),
    0.8,
    32,
    output="sigmoid",
    loss=BINARY,
    optimizer=adam(5e-3),
    epochs=15,
)
