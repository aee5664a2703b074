"""Inputs and targets that are not finite, not scaled, cut off, or mixed up between rows."""

from functools import partial

import numpy as np
from keras import layers

from benchmarks.diagnosis import datasets, networks, odd_layers, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.recipes import adam, rmsprop, sgd


def not_finite() -> Cases:
    """Return NaN and infinity among the inputs."""
    name = "bad_data|non_finite"
    return (
        static("NaN here and there", recipes.CANCER, fault(name, spoils=(spoils.missing(0.002),))),
        static(
            "NaN in images",
            recipes.DIGITS_CNN,
            fault(name, spoils=(spoils.missing(0.0002),)),
        ),
        static(
            "an infinite value in a forecast",
            recipes.FORECAST,
            fault(name, spoils=(spoils.missing(0.001, np.inf),)),
        ),
        static(
            "NaN and a softmax over one unit",
            recipes.CIRCLES,
            fault(name, spoils=(spoils.missing(0.01),)),
            fault("softmax_one_unit", output="softmax"),
        ),
    )


def tokens() -> Cases:
    """Return tokens that were scaled like pixels: all become 0."""
    name = "truncated_tokens"
    return (
        static("tokens / 60", recipes.WORDS, fault(name, spoils=(spoils.inputs_times(1 / 60),))),
        static(
            "tokens / 80 before a transformer",
            recipes.TOPIC_TRANSFORMER,
            fault(name, spoils=(spoils.inputs_times(1 / 80),)),
        ),
        static(
            "tokens / 255 and no softmax",
            recipes.CONVOLVED_WORDS,
            fault(name, spoils=(spoils.inputs_times(1 / 255),)),
            fault("missing_output_activation", output="linear"),
        ),
    )


def mismatch() -> Cases:
    """Return validation data that was prepared otherwise, or has other classes."""
    name = "validation_mismatch"
    return (
        static(
            "validation images with black and white swapped",
            recipes.DIGITS_CNN,
            fault(name, spoils=(spoils.validation_times(-1.0, 1.0),)),
        ),
        static(
            "validation rows not standardized",
            recipes.CANCER,
            fault(name, spoils=(spoils.validation_times(200.0, 300.0),)),
        ),
        static(
            "validation windows around 5",
            recipes.FORECAST_GRU,
            fault(name, spoils=(spoils.validation_times(1.0, 5.0),)),
        ),
        static(
            "validation of other classes",
            recipes.DIGITS_SPARSE,
            fault(name, spoils=(spoils.other_classes,)),
        ),
    )


def split() -> Cases:
    """Return rows in the order of their classes of which the last are set aside."""
    name = "unshuffled_split|validation_mismatch"
    cut = {"spoils": (spoils.sorted_by_class,), "split": 0.25, "validated": False}
    return (
        static("sorted digits and validation_split", recipes.DIGITS_SPARSE, fault(name, **cut)),
        static(
            "sorted stripes and validation_split",
            recipes.STRIPES,
            fault(name, **{**cut, "split": 0.4}),
        ),
        static(
            "sorted wines and validation_split, raw columns",
            recipes.WINE,
            fault(name, **cut, optimizer=sgd(0.05)),
            fault("unnormalized_input", data=partial(datasets.wine, scaled=False)),
        ),
    )


def raw_inputs() -> Cases:
    """Return columns in raw units."""
    name = "unnormalized_input"
    pixels = fault(name, spoils=(spoils.inputs_times(255.0),))
    return (
        static(
            "raw columns of cancers with SGD",
            recipes.CANCER_SGD,
            fault(name, data=partial(datasets.cancer, scaled=False)),
        ),
        static(
            "raw columns of wines",
            recipes.WINE,
            fault(name, data=partial(datasets.wine, scaled=False)),
        ),
        static("pixels up to 255 with momentum", recipes.DIGITS, pixels),
        static("pixels up to 255, convolutions with SGD", recipes.STRIPES_SGD, pixels),
        static(
            "raw houses with SGD",
            recipes.HOUSES_SGD,
            fault(name, data=partial(datasets.houses, scaled=False)),
        ),
        static(
            "raw houses before tanh",
            recipes.Recipe(
                **{**vars(recipes.HOUSES), "body": networks.mlp(32, 16, activation="tanh")}
            ),
            fault(name, data=partial(datasets.houses, scaled=False)),
        ),
        static(
            "a series around 100 before a GRU",
            recipes.WAVES,
            fault(name, spoils=(spoils.inputs_times(10.0, 100.0),)),
        ),
    )


def raw_targets() -> Cases:
    """Return targets in raw units."""
    name = "unnormalized_target"
    prices = partial(datasets.houses, scaled_target=False)
    return (
        static("prices with Adam", recipes.HOUSES, fault(name, data=prices)),
        static(
            "prices with RMSprop and ELU",
            recipes.Recipe(
                **{
                    **vars(recipes.HOUSES),
                    "body": networks.mlp(24, 24, activation="elu"),
                    "optimizer": rmsprop(1e-3),
                }
            ),
            fault(name, data=prices),
        ),
        static("prices with SGD", recipes.HOUSES_SGD, fault(name, data=prices)),
        static(
            "a curve around 5000",
            recipes.CURVE,
            fault(name, data=partial(datasets.curve, height=300.0, offset=5000.0)),
        ),
        static(
            "raw houses and raw prices",
            recipes.HOUSES,
            fault(name, data=partial(datasets.houses, scaled=False, scaled_target=False)),
            fault("unnormalized_input", optimizer=adam(1e-3)),
        ),
    )


def dependent() -> Cases:
    """Return layers that mix the rows of a batch."""
    name = "dependent_examples"
    pooled = partial(layers.Conv1D, 16, 4, activation="relu")
    return (
        static(
            "a reshape across the batch",
            recipes.BLOBS,
            fault(name, body=networks.chain(odd_layers.WrongReshape, *_dense(32))),
        ),
        static(
            "mean over the batch in place of words",
            recipes.TOPICS,
            fault(
                name,
                body=networks.embedded(80, 16, odd_layers.BatchMean),
            ),
        ),
        static(
            "mean over the batch in place of time",
            recipes.WAVE_TRANSFORMER,
            fault(name, body=networks.chain(pooled, odd_layers.BatchMean)),
        ),
        static(
            "rows rolled along the batch",
            recipes.FRIEDMAN,
            fault(name, body=networks.chain(*_dense(48, 24), odd_layers.MixedRows)),
        ),
        static(
            "rows rolled along the batch and no softmax",
            recipes.DIGITS_SPARSE,
            fault(name, body=networks.chain(*_dense(64, 32), odd_layers.MixedRows)),
            fault("missing_output_activation", output="linear"),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (
        *not_finite(),
        *tokens(),
        *mismatch(),
        *split(),
        *raw_inputs(),
        *raw_targets(),
        *dependent(),
    )


def _dense(*widths: int) -> list[partial]:
    return [partial(layers.Dense, width, "relu") for width in widths]
