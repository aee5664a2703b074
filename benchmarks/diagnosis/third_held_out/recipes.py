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
from benchmarks.diagnosis.third_held_out import images, nets, sequences, tables

# Few large batches: a step costs more than its rows.
classes = partial(classifier, batch_size=64)
values = partial(regression, batch_size=64)
ADAMW = partial(optimizers.AdamW, 0.015, weight_decay=1e-3)

PASSENGERS = classes("MLP", tables.passengers, dense(16, 8), 0.7, optimizer=adam(0.01), epochs=12)
QUALITY = classes(
    "MLP", tables.quality, function(nets.normalized(32, 16)), 0.7, 6, optimizer=ADAMW, epochs=12
)
EMOTIONS = classes(
    "MLP", tables.emotions, nets.MAXOUT, 0.65, 4, output="sigmoid", loss=BINARY, epochs=10
)
EMOTIONS = replace(
    EMOTIONS, score=scores.all_labels, metrics=("binary_accuracy",), optimizer=adam(0.01)
)
CELLS = classes(
    "MLP", tables.cells, dense(16, bend="tanh"), 0.9, optimizer=sgd(0.05, 0.9), epochs=15
)
MACHINES = classes(
    "MLP",
    tables.machines,
    dense(16, bend="silu"),
    0.78,
    class_weight={0: 1.0, 1: 19.0},
    score=scores.balanced,
    optimizer=adam(3e-3),
    epochs=7,
)
UPPER = classes(
    "MLP", tables.upper_digits, nets.pretrained(), 0.85, 5, optimizer=adam(0.01), epochs=10
)
BOARD = classes("MLP", tables.chessboard, dense(64, 64, 32), 0.88, optimizer=adam(0.01), epochs=18)
SAME = classes(
    "MLP", images.two_digits, function(nets.compared), 0.88, optimizer=adam(0.01), epochs=7
)
HEADLINES = classes(
    "MLP",
    sequences.headlines,
    dense(32),
    0.85,
    5,
    loss=ONE_HOT,
    changes=(spoils.one_hot,),
    optimizer=rmsprop(6e-3),
    epochs=14,
)

CLOCKS = classes("CNN", images.clocks, nets.stack(8), 0.88, 8, optimizer=adam(0.01), epochs=7)
CLOCKS_SGD = replace(CLOCKS, optimizer=sgd(0.05, 0.9), epochs=9)
PIXELS = classes(
    "CNN", images.cells, nets.UNET, 0.8, 3, optimizer=adam(0.01), epochs=12, batch_size=16
)
PIXELS = replace(PIXELS, score=scores.balanced, loss=ONE_HOT, changes=(spoils.one_hot,))
FIELDS = classes(
    "CNN", images.fields, function(nets.bottlenecks), 0.88, 3, optimizer=adam(0.01), epochs=9
)
FIELDS_SGD = replace(FIELDS, body=nets.stack(8), optimizer=sgd(0.01, 0.9), epochs=14)
SCRATCHES = classes(
    "CNN",
    images.scratches,
    nets.stack(8),
    0.8,
    class_weight={0: 1.0, 1: 12.0},
    score=scores.balanced,
    optimizer=partial(optimizers.Nadam, 3e-3),
    epochs=8,
)
ENLARGED = values(images.enlarged, nets.enlarging(), 0.6, family="CNN", output="sigmoid", epochs=10)
BUBBLES = values(
    images.bubbles, nets.stack(8, 12), 0.9, family="CNN", optimizer=adam(3e-3), epochs=7
)
TONES = classes(
    "RNN", images.spectrograms, function(nets.bands), 0.9, 3, optimizer=adam(0.01), epochs=6
)
ENGINES = classes(
    "CNN", sequences.engines, function(nets.steps), 0.88, 4, optimizer=adam(0.01), epochs=8
)
PATCHED = classes(
    "transformer",
    images.clocks,
    function(nets.patches),
    0.85,
    8,
    optimizer=adam(0.01),
    epochs=9,
)

GESTURES = classes(
    "RNN",
    sequences.gestures,
    of(partial(layers.LSTM, 16)),
    0.9,
    4,
    loss=losses.SparseCategoricalCrossentropy,
    optimizer=adam(0.01),
    epochs=9,
)
TEMPERATURES = values(
    sequences.temperatures,
    function(nets.decoded),
    0.85,
    0,
    family="RNN",
    optimizer=adam(0.01),
    epochs=8,
)
VALVES = classes(
    "RNN",
    sequences.valves,
    of(partial(layers.SimpleRNN, 16, return_sequences=True)),
    0.9,
    optimizer=adam(0.03),
    epochs=16,
)
GLUCOSE = values(
    sequences.glucose,
    of(partial(layers.SimpleRNN, 10)),
    0.43,
    family="RNN",
    optimizer=adam(0.02),
    epochs=10,
)
ALARMS = classes(
    "embedding",
    sequences.alarms,
    read(9, 6, partial(layers.GRU, 16)),
    0.9,
    optimizer=adam(0.02),
    epochs=10,
)
COMMENTS = classes(
    "embedding",
    sequences.comments,
    read(91, 8, partial(layers.SimpleRNN, 12), mask_zero=True),
    0.8,
    optimizer=adam(0.01),
    epochs=8,
)
SENTENCES = classes(
    "transformer",
    sequences.sentences,
    function(partial(nets.looks, vocabulary=40)),
    0.88,
    4,
    optimizer=adam(0.01),
    epochs=18,
)
QUESTIONS = classes(
    "embedding", sequences.questions, function(nets.matched), 0.85, optimizer=adam(0.01), epochs=12
)
STRANDS = values(
    sequences.strands,
    read(4, 4, partial(layers.Conv1D, 24, 2, activation="relu"), layers.GlobalAveragePooling1D),
    0.85,
    family="embedding",
    optimizer=adam(0.03),
    epochs=18,
)
SHOPS = values(
    tables.shops, function(nets.entities), 0.92, family="embedding", optimizer=adam(0.01), epochs=10
)
BOTH_WAYS = replace(ALARMS, body=read(9, 6, both_ways(layers.LSTM, 8)), epochs=12)

CONCRETE = values(tables.concrete, dense(32, 16), 0.88, optimizer=adam(0.01), epochs=16)
CONCRETE_SGD = replace(CONCRETE, body=dense(24, bend="elu"), optimizer=sgd(0.02, 0.9))
FLATS = values(
    tables.flats,
    nets.CROSSED,
    0.85,
    loss="huber",
    optimizer=partial(optimizers.AdamW, 5e-3, weight_decay=1e-3),
    epochs=14,
)
CALLS = values(
    tables.calls,
    dense(24, bend="gelu"),
    0.6,
    output="exponential",
    loss="poisson",
    optimizer=adam(0.01),
    epochs=12,
)
REACTION = values(
    tables.reaction, function(nets.two_heads), 0.92, 0, optimizer=rmsprop(3e-3), epochs=20
)
