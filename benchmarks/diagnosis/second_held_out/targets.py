"""Losses, labels and metrics that do not fit to what is asked."""

from dataclasses import replace
from functools import partial

import keras

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT
from benchmarks.diagnosis.second_held_out import recipes, slips, tables

ENCODING, BROADCAST = "label_encoding", "label_shape_broadcast"
FOR_CLASSES = "regression_with_classification_loss"
NUMBERS = f"classification_with_regression_loss|{BROADCAST}|too_many_output_units|{ENCODING}"


def losses() -> Cases:
    """Return losses for something else."""
    columns = (spoils.columns_of_targets,)
    return (
        static(
            "categorical cross-entropy of one sigmoid, scans",
            recipes.SCANS,
            fault("loss_always_zero|wrong_loss", loss=ONE_HOT),
        ),
        static(
            "divergence of one probability, clicks",
            recipes.CLICKS,
            fault("wrong_loss", loss="kl_divergence"),
        ),
        static(
            "squared error of a softmax over numbers of bearings",
            recipes.BEARINGS,
            fault(NUMBERS, loss="mse", metrics=(), spoils=columns),
        ),
        static(
            "binary cross-entropy of survival", recipes.SURVIVAL, fault(FOR_CLASSES, loss=BINARY)
        ),
        static(
            "percentage error of goals, many of them 0",
            recipes.GOALS,
            fault("undefined_relative_loss", loss="mape"),
        ),
        static(
            "cosine similarity of one number, throws",
            recipes.THROWS,
            fault("wrong_loss", loss="cosine_similarity"),
        ),
    )


def labels() -> Cases:
    """Return labels in a code that the loss does not take."""
    return (
        static(
            "labels of -1 and 1, hastie",
            recipes.HASTIE,
            fault(ENCODING, data=partial(tables.hastie, signs=True)),
        ),
        static(
            "masks of roads divided by 255",
            recipes.ROADS,
            fault(ENCODING, spoils=(spoils.labels_times(1 / 255),)),
        ),
    )


def shapes() -> Cases:
    """Return own losses under which rows meet other rows."""
    flat = (spoils.flat_targets,)
    return (
        static(
            "own root of squares of (N,) and (N, 1), insurance",
            recipes.INSURANCE,
            fault(BROADCAST, loss=slips.RootOfMean, spoils=flat),
        ),
    )


def metrics() -> Cases:
    """Return metrics that tell nothing about values."""
    plain = replace(recipes.SURVIVAL, judged="val_r2_score", metrics=(keras.metrics.R2Score,))
    return (
        static(
            "accuracy of survival",
            plain,
            fault("metric_does_not_fit", metrics=("accuracy",), judged="val_accuracy"),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*losses(), *labels(), *shapes(), *metrics())
