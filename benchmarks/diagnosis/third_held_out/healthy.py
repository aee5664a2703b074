"""Trainings that work, some of which look as if they did not."""

from dataclasses import replace
from functools import partial
from typing import Any

import keras
from keras import layers, losses, ops, optimizers

from benchmarks.diagnosis.case import Case, Cases
from benchmarks.diagnosis.held_out.bodies import dense, function, of, read, then
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import adam, rmsprop, sgd
from benchmarks.diagnosis.third_held_out import images, nets, sequences, tables
from benchmarks.diagnosis.third_held_out import networks as n
from benchmarks.diagnosis.third_held_out import recipes as r

USUAL = (
    "ALARMS",
    "BOARD",
    "BOTH_WAYS",
    "BUBBLES",
    "CALLS",
    "CLOCKS_SGD",
    "COMMENTS",
    "CONCRETE",
    "EMOTIONS",
    "ENGINES",
    "ENLARGED",
    "FLATS",
    "GLUCOSE",
    "MACHINES",
    "PATCHED",
    "PIXELS",
    "QUALITY",
    "QUESTIONS",
    "REACTION",
    "SAME",
    "SCRATCHES",
    "SENTENCES",
    "SHOPS",
    "TEMPERATURES",
    "TONES",
    "VALVES",
)
TANH, WIDE = partial(layers.Dense, 16, "tanh"), partial(layers.Dense, 32, "relu")


class Contrast(keras.losses.Loss):
    """A margin loss of likeness, as siamese networks have it."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return squares of what is missing to 1 for the same, to 0 for others."""
        y = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        return y * ops.square(1 - y_pred) + (1 - y) * ops.square(ops.maximum(y_pred - 0.1, 0.0))


class Median(keras.losses.Loss):
    """Half of the distance, as quantile regression has it for the median."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the larger of two slopes."""
        rest = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred)) - y_pred
        return ops.mean(ops.maximum(0.5 * rest, -0.5 * rest), axis=-1)


def logits(loss: Any) -> dict[str, Any]:
    """Return the fields of a recipe with raw numbers at its end."""
    return {"output": "linear", "loss": partial(loss, from_logits=True)}


HEADS: dict[str, Recipe] = {
    "logits of each pixel, U-Net": replace(r.PIXELS, **logits(losses.CategoricalCrossentropy)),
    "qualities from 1 to 6 of seven units": replace(
        r.QUALITY, data=partial(tables.quality, first=1), units=7
    ),
    "an own contrast of two digits": replace(r.SAME, loss=Contrast),
    "an own loss of the median, flats": replace(r.FLATS, loss=Median),
    "a linear unit for calls": replace(r.CALLS, output="linear", loss="mse"),
}
SCALES: dict[str, Recipe] = {
    "cells with an area of 650, normalized by batches": replace(
        r.CELLS,
        data=tables.raw_cells,
        body=then(of(partial(layers.BatchNormalization, momentum=0.9)), TANH),
    ),
    "kilograms, normalized layer by layer": replace(
        r.CONCRETE,
        data=tables.raw_concrete,
        body=then(of(partial(layers.BatchNormalization, momentum=0.8)), WIDE, WIDE),
    ),
    "colours up to 255 and a rescaling": replace(
        r.FIELDS_SGD,
        data=partial(images.fields, scale=255.0),
        body=lambda: [layers.Rescaling(1 / 127.5, -1.0), *r.FIELDS_SGD.body()],
    ),
    "MPa as they are, with Adam(.05)": replace(
        r.CONCRETE, data=partial(tables.concrete, scaled_target=False), optimizer=adam(0.05)
    ),
    "counts of words as they are": replace(r.HEADLINES, body=of(), optimizer=adam(0.03)),
    "kelvins, and Celsius inside of the network": replace(
        r.TEMPERATURES,
        data=partial(sequences.temperatures, kelvin=True),
        body=lambda: [layers.Rescaling(1 / 6, -47.5), nets.decoded, layers.Rescaling(6.0, 285.0)],
    ),
}
NETWORKS: dict[str, Recipe] = {
    "a trained body, frozen on purpose": r.UPPER,
    "random convolutions, frozen, clocks": replace(
        r.CLOCKS, body=nets.stack(24), trainable=False, goal=0.9
    ),
    "half of the words dropped out": replace(
        r.HEADLINES, body=of(partial(layers.Dropout, 0.5)), optimizer=adam(0.03)
    ),
    "sixty patients and a linear unit": n.TRIAL,
    "a linear unit for a linear series": replace(
        r.GLUCOSE, body=of(layers.Flatten), optimizer=adam(0.03)
    ),
    "two units for passengers": replace(r.PASSENGERS, body=dense(2, bend="tanh")),
    "six sigmoid layers, normalized": replace(
        r.CELLS,
        body=function(nets.normalized(*(6 * [16]), bend="sigmoid")),
        optimizer=adam(0.01),
    ),
    "comments read to their last zero": replace(
        r.COMMENTS, body=read(91, 8, partial(layers.SimpleRNN, 12))
    ),
    "pooling over padded comments": replace(
        r.COMMENTS, body=read(91, 8, layers.GlobalMaxPooling1D), optimizer=adam(0.03), epochs=16
    ),
}
PLANS: dict[str, Recipe] = {
    "SGD(1) on headlines": replace(r.HEADLINES, optimizer=sgd(1.0)),
    "three epochs of clocks": replace(r.CLOCKS, epochs=3, optimizer=adam(0.02)),
    "batches of four, strengths": replace(
        r.CONCRETE, batch_size=4, epochs=2, optimizer=rmsprop(3e-3)
    ),
    "all cells in a batch": replace(r.CELLS, batch_size=500, epochs=60, optimizer=adam(0.02)),
    "machines that are easily told, unweighted": replace(
        r.MACHINES,
        data=partial(tables.machines, distance=5.0),
        class_weight=None,
        optimizer=adam(0.01),
        goal=0.9,
    ),
    "chance in who survives, thirty epochs": replace(
        r.PASSENGERS, body=dense(16), epochs=30, optimizer=adam(2e-3)
    ),
    "a one-cycle of clocks": replace(
        r.CLOCKS_SGD,
        optimizer=lambda: optimizers.SGD(
            optimizers.schedules.CosineDecay(1e-3, 60, warmup_target=0.1, warmup_steps=25), 0.9
        ),
    ),
    "nothing to validate with, tones": replace(r.TONES, validated=False),
    "digits learned by heart, and right": replace(
        r.UPPER, body=dense(96, 96), epochs=20, optimizer=adam(3e-3)
    ),
}


def cases() -> Cases:
    """Return all healthy cases."""
    usual = {f"as usual, {name.lower()}, third set": getattr(r, name) for name in USUAL}
    named = usual | HEADS | SCALES | NETWORKS | PLANS
    return tuple(Case(name, recipe) for name, recipe in named.items())
