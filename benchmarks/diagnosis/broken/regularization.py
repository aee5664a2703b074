"""Penalties and dropout that leave nothing to learn."""

from functools import partial

import keras
from keras import layers, regularizers

from benchmarks.diagnosis import networks, recipes
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.recipes import adam

NAME = "excess_regularization"


def cases() -> Cases:
    """Return all of them."""
    l2, l1 = regularizers.L2(1.0), regularizers.L1(0.1)
    return (
        static(
            "L2 of 1 on all kernels, digits",
            recipes.DIGITS_SPARSE,
            fault(
                NAME,
                body=networks.mlp(64, 32, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
        ),
        static(
            "L1 of .1 on all kernels, Friedman",
            recipes.FRIEDMAN,
            fault(
                NAME,
                body=networks.mlp(48, 24, kernel_regularizer=l1),
                head={"kernel_regularizer": l1},
            ),
        ),
        static(
            "L2 of 1 on convolutions",
            recipes.DIGITS_CNN,
            fault(
                NAME,
                body=networks.cnn(12, 16, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
        ),
        static(
            "dropout of .97 behind every layer, spirals",
            recipes.SPIRALS,
            fault(NAME, body=networks.mlp(64, 64, 64, rate=0.97)),
        ),
        static(
            "dropout of .95 behind every layer, digits",
            recipes.DIGITS,
            fault(NAME, body=networks.mlp(64, 32, rate=0.95)),
        ),
        static(
            "weight decay of 30, words",
            recipes.WORDS,
            fault(NAME, optimizer=partial(keras.optimizers.AdamW, 1e-2, weight_decay=30.0)),
        ),
        static(
            "L1 on a GRU",
            recipes.WAVES,
            fault(
                NAME,
                body=networks.recurrent(
                    layers.GRU, 16, kernel_regularizer=l1, recurrent_regularizer=l1
                ),
                head={"kernel_regularizer": l1},
            ),
        ),
        static(
            "L2 of 1 on all kernels and a rate far too low",
            recipes.HOUSES,
            fault(
                NAME,
                body=networks.mlp(32, 16, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
            fault("learning_rate_too_low|too_few_updates", optimizer=adam(1e-6)),
        ),
    )
