"""Losses, labels and metrics that do not fit to what is asked."""

from dataclasses import replace

import keras

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, SPARSE
from benchmarks.diagnosis.third_held_out import recipes, slips

ENCODING, BROADCAST = "label_encoding", "label_shape_broadcast"
FOR_CLASSES = "regression_with_classification_loss"


def losses() -> Cases:
    """Return losses for something else."""
    return (
        static(
            "categorical cross-entropy of one sigmoid, alarms",
            recipes.ALARMS,
            fault("loss_always_zero|wrong_loss", loss=ONE_HOT),
        ),
        static("binary cross-entropy of MPa", recipes.CONCRETE, fault(FOR_CLASSES, loss=BINARY)),
        static(
            "one number for eight directions",
            recipes.CLOCKS,
            fault(
                "classification_with_regression_loss|too_few_output_units",
                units=1,
                output="linear",
                loss="mse",
                metrics=("mae",),
            ),
        ),
        static(
            "percentage error of calls, some hours without any",
            recipes.CALLS,
            fault("undefined_relative_loss", loss="mape"),
        ),
        trained(
            "Dice's coefficient without a minus",
            recipes.VALVES,
            fault("wrong_loss|no_learning|constant_predictions", loss=slips.Overlap),
        ),
    )


def labels() -> Cases:
    """Return labels in a code that the loss does not take, or of other rows."""
    return (
        static(
            "qualities between 0 and 1",
            recipes.QUALITY,
            fault(ENCODING, spoils=(spoils.labels_times(0.2),)),
        ),
        static(
            "numbers of gestures and categorical cross-entropy",
            recipes.GESTURES,
            fault(f"{ENCODING}|wrong_loss|{BROADCAST}", loss=ONE_HOT),
        ),
        static(
            "one-hot sections and sparse cross-entropy",
            recipes.HEADLINES,
            fault(f"{ENCODING}|wrong_loss|{BROADCAST}", loss=SPARSE),
        ),
        static(
            "missing strengths",
            recipes.CONCRETE,
            fault("bad_data|non_finite", spoils=(slips.holes_in_targets,)),
        ),
        trained(
            "labels of the row above, fields",
            recipes.FIELDS,
            fault("bad_data|no_learning|overfitting|underfitting", spoils=(slips.shifted_labels,)),
        ),
        static(
            "own pinball loss of (N,) and (N, 1)",
            recipes.FLATS,
            fault(BROADCAST, loss=slips.Pinball, spoils=(spoils.flat_targets,)),
        ),
    )


def metrics() -> Cases:
    """Return metrics that tell nothing about values."""
    plain = replace(recipes.SHOPS, judged="val_r2_score", metrics=(keras.metrics.R2Score,))
    return (
        static(
            "accuracy of sales",
            plain,
            fault("metric_does_not_fit", metrics=("accuracy",), judged="val_accuracy"),
        ),
    )


def imbalance() -> Cases:
    """Return rare classes that nothing takes care of."""
    rare = fault("class_imbalance", class_weight=None)
    return (
        static("machines without class weights", recipes.MACHINES, rare),
        static("scratches without class weights", recipes.SCRATCHES, rare),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*losses(), *labels(), *metrics(), *imbalance())
