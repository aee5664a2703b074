"""Losses, labels and metrics that do not fit to what is asked."""

from dataclasses import replace
from functools import partial

import keras

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out import mistakes, recipes, tables
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd

ENCODING, BROADCAST = "label_encoding", "label_shape_broadcast"
FOR_CLASSES = "regression_with_classification_loss"
FOR_VALUES = f"classification_with_regression_loss|{BROADCAST}|too_many_output_units|{ENCODING}"


def losses() -> Cases:
    """Return losses for something else."""
    flat = (spoils.columns_of_targets,)
    return (
        static(
            "categorical cross-entropy of one sigmoid",
            recipes.CHURN_TANH,
            fault("loss_always_zero", loss=keras.losses.CategoricalCrossentropy),
        ),
        static(
            "categorical cross-entropy of one sigmoid, orders",
            recipes.ORDERS,
            fault("loss_always_zero", loss=ONE_HOT),
        ),
        static(
            "categorical cross-entropy of counts",
            recipes.COUNTS,
            fault(f"loss_always_zero|{FOR_CLASSES}", loss=ONE_HOT),
        ),
        static(
            "categorical cross-entropy of one softmax unit",
            recipes.ODD,
            fault("loss_always_zero", loss=ONE_HOT),
            fault("softmax_one_unit", output="softmax"),
        ),
        static(
            "binary cross-entropy of a progress",
            recipes.DIABETES,
            fault(FOR_CLASSES, loss=keras.losses.BinaryCrossentropy),
        ),
        static(
            "binary cross-entropy of a sigmoid for stars",
            recipes.STARS,
            fault(FOR_CLASSES, loss=BINARY),
            fault("bounded_output_for_unbounded_target", output="sigmoid"),
        ),
        static(
            "categorical cross-entropy of angle and speed",
            recipes.PENDULUM,
            fault(FOR_CLASSES, loss=ONE_HOT),
        ),
        static(
            "squared error of a softmax over numbers of rings",
            recipes.RINGS,
            fault(FOR_VALUES, loss="mse", metrics=(), spoils=flat),
        ),
        static(
            "absolute error of a softmax over numbers of topics",
            recipes.REVIEWS,
            fault(FOR_VALUES, loss=keras.losses.MeanAbsoluteError, metrics=(), spoils=flat),
        ),
        static(
            "percentage error of targets around 0",
            recipes.ROLL,
            fault("undefined_relative_loss", loss="mape"),
        ),
        static(
            "logarithmic error of negative targets",
            recipes.PEAKS,
            fault("undefined_relative_loss", loss=keras.losses.MeanSquaredLogarithmicError),
        ),
    )


def labels() -> Cases:
    """Return labels in a code that the loss does not take."""
    thirds, signs = spoils.labels_times(1 / 3), spoils.labels_times(2, -1)
    return (
        static("labels of 0 and 100", recipes.ORDERS, fault(ENCODING, spoils=(_percent,))),
        static(
            "labels from 0 to 1 for four hues", recipes.TILES, fault(ENCODING, spoils=(thirds,))
        ),
        static("labels of -1 and 1, pairs", recipes.PAIRS, fault(ENCODING, spoils=(signs,))),
        static(
            "labels of 1 and 2, illnesses",
            recipes.SYMPTOMS,
            fault(ENCODING, spoils=(spoils.labels_times(1.0, 1.0),)),
        ),
        static(
            "labels from 0 to 1 for four languages, and Adam(1)",
            recipes.NAMES,
            fault(ENCODING, spoils=(thirds,)),
            fault("learning_rate_too_high", optimizer=adam(1.0)),
        ),
        static(
            "standardized labels of odd digits, and pixels up to 4000",
            recipes.ODD,
            fault(ENCODING, spoils=(spoils.standardized_labels,)),
            fault("unnormalized_input", spoils=(spoils.inputs_times(4000.0),)),
        ),
        trained(
            "labels in another order, pulses",
            recipes.PULSES,
            fault("no_learning|bad_data|underfitting|overfitting", spoils=(spoils.random_labels,)),
        ),
    )


def shapes() -> Cases:
    """Return own losses under which rows meet other rows."""
    flat = {"loss": mistakes.LogCosh, "spoils": (spoils.flat_targets,)}
    return (
        static(
            "own log cosh of (N,) and (N, 1), progress", recipes.DIABETES, fault(BROADCAST, **flat)
        ),
        static("own log cosh of (N,) and (N, 1), peaks", recipes.PEAKS, fault(BROADCAST, **flat)),
        static(
            "own log cosh of (N,) and (N, 1), and raw fares",
            recipes.FARES,
            fault(BROADCAST, **flat),
            fault("unnormalized_input", data=tables.raw_fares),
        ),
    )


def metrics() -> Cases:
    """Return metrics that tell nothing about values."""
    honest = {"judged": "val_r2_score", "metrics": (keras.metrics.R2Score,)}
    exact = fault("metric_does_not_fit", metrics=("accuracy",), judged="val_accuracy")
    return (
        static("accuracy of places", replace(recipes.ROLL, **honest), exact),
        static(
            "accuracy of circuits in raw units",
            replace(recipes.CIRCUITS_SGD, **honest),
            exact,
            fault(
                "unnormalized_target",
                data=partial(tables.circuits, scaled_target=False),
                optimizer=sgd(0.02, 0.9),
            ),
        ),
    )


def imbalance() -> Cases:
    """Return a rare class that nobody, or the wrong weight, takes care of."""
    name = "class_imbalance"
    inverted = fault(name, class_weight={0: 20.0, 1: 1.0})
    return (
        static("defects without class weights", recipes.DEFECTS, fault(name, class_weight=None)),
        trained("defects with the class weights swapped", recipes.DEFECTS, inverted),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*losses(), *labels(), *shapes(), *metrics(), *imbalance())


_percent = spoils.labels_times(100)
