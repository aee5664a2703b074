"""Trainings that work: each is the mended twin of several broken ones."""

from dataclasses import replace
from functools import partial

from keras import layers, losses, optimizers

from benchmarks.diagnosis import scores, spoils
from benchmarks.diagnosis.held_out.bodies import both_ways, dense, function, of, read
from benchmarks.diagnosis.recipes import (
    BINARY,
    ONE_HOT,
    adam,
    classifier,
    regression,
    rmsprop,
    sgd,
)
from benchmarks.diagnosis.second_held_out import images, nets, series, tables, texts
from keras_trainkit.optimizers import NAG

HASTIE = classifier("MLP", tables.hastie, dense(64, 32), 0.85, optimizer=adam(5e-3), epochs=14)
LOANS = classifier(
    "MLP", tables.loans, nets.dropped(32, 16, rate=0.1), 0.9, optimizer=adam(5e-3), epochs=14
)
LOANS_SGD = replace(LOANS, body=dense(24, 12, bend="tanh"), optimizer=partial(NAG, 0.05))
GRADES = classifier(
    "MLP", tables.grades, function(nets.pyramid), 0.7, 5, optimizer=adam(5e-3), epochs=15
)
GENRES = classifier("MLP", tables.genres, dense(48, 24), 0.35, 5, output="sigmoid", loss=BINARY)
CUMULATIVE = classifier(
    "MLP",
    partial(tables.grades, cumulative=True),
    dense(32, 16),
    0.5,
    4,
    output="sigmoid",
    loss=BINARY,
    optimizer=adam(5e-3),
)
CUMULATIVE = replace(CUMULATIVE, metrics=("binary_accuracy",), score=scores.all_labels)
GENRES = replace(GENRES, metrics=("binary_accuracy",), score=scores.all_labels, epochs=15)
GLYPHS = classifier(
    "MLP",
    images.glyphs,
    nets.normalized(48, 24),
    0.85,
    4,
    loss=ONE_HOT,
    changes=(spoils.one_hot,),
    optimizer=sgd(0.05, 0.9),
    epochs=12,
)
FRAUD = classifier(
    "MLP",
    tables.fraud,
    dense(16, bend="elu"),
    0.8,
    class_weight={0: 1.0, 1: 25.0},
    score=scores.balanced,
    optimizer=adam(3e-3),
    batch_size=64,
    epochs=10,
)

SCANS = classifier(
    "CNN", images.scans, nets.plain(8, 12), 0.85, optimizer=adam(3e-3), epochs=12, batch_size=24
)
ARROWS = classifier(
    "CNN", images.arrows, function(nets.residual), 0.95, 4, optimizer=adam(5e-3), epochs=8
)
ARROWS_SGD = replace(ARROWS, body=nets.plain(8, 16), optimizer=sgd(0.05, 0.9), epochs=14)
PATCHES = classifier(
    "CNN",
    images.patches,
    function(nets.squeezed),
    0.82,
    optimizer=partial(optimizers.Nadam, 3e-3),
    epochs=12,
)
PATCHES_SGD = replace(
    PATCHES, body=nets.plain(8, 16), optimizer=sgd(0.05, 0.9), epochs=20, goal=0.72
)
FACES = classifier(
    "CNN", images.faces, function(nets.depthwise), 0.85, 3, optimizer=adam(5e-3), epochs=12
)
ROADS = classifier("CNN", images.roads, function(nets.hourglass), 0.9, epochs=10)
SPOTS = regression(
    images.spots, nets.plain(8, 16), 0.9, 2, family="CNN", optimizer=adam(5e-3), epochs=12
)
DENOISED = regression(
    images.noisy_digits,
    of(
        partial(layers.Conv2D, 12, 3, padding="same", activation="relu"),
        partial(layers.Conv2D, 12, 3, 2, padding="same", activation="relu"),
        partial(layers.Conv2DTranspose, 12, 3, 2, padding="same", activation="relu"),
    ),
    0.55,
    output="sigmoid",
    loss=BINARY,
    family="CNN",
    optimizer=adam(5e-3),
    epochs=10,
)
HEARTBEATS = classifier(
    "CNN", series.heartbeats, nets.convolved(12, 16), 0.9, optimizer=adam(5e-3), epochs=12
)
BEARINGS = classifier(
    "CNN", series.bearings, nets.convolved(8, 16), 0.85, 3, optimizer=rmsprop(3e-3), epochs=12
)

ACTIVITIES = classifier(
    "RNN", series.activities, nets.stacked(layers.GRU, 16), 0.85, 4, optimizer=adam(0.02)
)
ACTIVITIES = replace(ACTIVITIES, epochs=14)
CHIRPS = classifier(
    "RNN", series.chirps, function(nets.weighed), 0.9, optimizer=adam(0.01), epochs=9
)
DEMAND = regression(
    series.demand,
    nets.stacked(layers.GRU, 16, 12),
    0.85,
    family="RNN",
    optimizer=adam(0.01),
    epochs=8,
)
HOURS = regression(
    partial(series.demand, steps=4), function(nets.dilated), 0.75, 4, family="RNN", epochs=12
)
HOURS = replace(HOURS, optimizer=partial(optimizers.AdamW, 5e-3, weight_decay=1e-3))
TREMOR = regression(series.tremor, nets.convolved(12, 12), 0.85, family="CNN", epochs=12)
TREMOR = replace(TREMOR, optimizer=adam(5e-3))
RETURNS = regression(
    series.returns, of(partial(layers.LSTM, 16)), 0.85, family="RNN", epochs=14, loss="huber"
)
TRANSFERS = regression(
    series.transfers,
    of(partial(layers.Masking, 0.0), partial(layers.GRU, 12)),
    0.85,
    family="RNN",
    optimizer=adam(0.02),
    epochs=5,
)
SWITCHES = regression(
    series.switches, of(partial(layers.GRU, 16)), 0.75, family="RNN", optimizer=adam(0.02)
)
SWITCHES = replace(SWITCHES, epochs=8, goal=0.85)

MAILS = classifier(
    "embedding",
    texts.mails,
    read(150, 12, layers.GlobalAveragePooling1D, partial(layers.Dense, 12, "relu")),
    0.85,
    epochs=10,
)
PADDED = classifier(
    "embedding",
    texts.padded_mails,
    read(150, 8, partial(layers.SimpleRNN, 12), mask_zero=True),
    0.75,
    epochs=6,
)
INTENTS = classifier(
    "embedding",
    texts.intents,
    read(100, 12, both_ways(layers.LSTM, 8)),
    0.85,
    6,
    loss=losses.SparseCategoricalCrossentropy,
    epochs=8,
)
SLOTS = classifier(
    "embedding",
    texts.slots,
    read(25, 8, both_ways(layers.GRU, 8, return_sequences=True)),
    0.95,
    3,
    epochs=8,
)
LETTERS = classifier(
    "embedding", texts.letters, read(15, 8, layers.Flatten, partial(layers.Dense, 48, "relu")), 0.75
)
LETTERS = replace(
    LETTERS, units=15, output="softmax", loss="sparse_categorical_crossentropy", epochs=12
)
PEPTIDES = regression(
    texts.peptides,
    read(20, 8, partial(layers.Conv1D, 12, 3, activation="gelu"), layers.GlobalAveragePooling1D),
    0.85,
    family="embedding",
    epochs=12,
)
LIKES = classifier("embedding", tables.likes, function(nets.factors), 0.82, epochs=12)
NEGATIONS = classifier(
    "transformer",
    texts.negations,
    read(50, 12, partial(layers.Conv1D, 16, 2, activation="relu"), layers.GlobalMaxPooling1D),
    0.85,
    epochs=10,
)
NEGATIONS = replace(NEGATIONS, family="embedding")

ALCOHOL = regression(
    tables.alcohol, dense(16), 0.33, optimizer=adam(5e-3), epochs=25, batch_size=16
)
ARCTAN = regression(tables.arctan, nets.MIXED, 0.7, optimizer=adam(5e-3))
PLANT = regression(tables.plant, dense(32, 16, bend="silu"), 0.9, optimizer=rmsprop(3e-3))
PLANT_SGD = replace(PLANT, body=dense(24), optimizer=partial(NAG, 0.02))
INSURANCE = regression(tables.insurance, dense(32, 16), 0.85, optimizer=adam(5e-3), epochs=15)
SURVIVAL = regression(tables.survival, function(nets.highway), 0.75, optimizer=adam(5e-3))
GOALS = regression(
    tables.goals, dense(24), 0.3, output="softplus", loss="poisson", optimizer=adam(5e-3), epochs=12
)
CLICKS = regression(
    tables.clicks, dense(32, 16, bend="gelu"), 0.85, output="sigmoid", loss=BINARY, epochs=15
)
THROWS = regression(tables.throws, dense(40, 20, bend="elu"), 0.9, loss="log_cosh", epochs=15)
HALVES = regression(
    images.halves, dense(48), 0.3, 32, output="sigmoid", family="MLP", optimizer=adam(5e-3)
)
