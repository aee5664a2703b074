"""Losses and metrics that do not fit the task."""

from functools import partial

import keras
import numpy as np

from benchmarks.diagnosis import datasets, odd_layers, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd

ALWAYS_ZERO = "loss_always_zero|too_few_output_units|wrong_loss"


def zero() -> Cases:
    """Return categorical cross-entropy of one unit, which is 0."""
    return (
        static(
            "categorical cross-entropy of one sigmoid unit",
            recipes.CIRCLES,
            fault(ALWAYS_ZERO, loss=ONE_HOT, spoils=(spoils.columns_of_targets,)),
        ),
        static(
            "categorical cross-entropy of one softmax unit, words",
            recipes.WORDS,
            fault(ALWAYS_ZERO, loss=ONE_HOT, spoils=(spoils.columns_of_targets,)),
            fault("softmax_one_unit", output="softmax"),
        ),
        static(
            "categorical cross-entropy of one unit, images",
            recipes.ZERO_OR_ONE,
            fault(ALWAYS_ZERO, loss=ONE_HOT, spoils=(spoils.columns_of_targets,)),
        ),
        static(
            "a loss of weight 0",
            recipes.SPIRALS,
            fault("loss_always_zero|no_learning|wrong_loss", compiled={"loss_weights": [0.0]}),
        ),
    )


def for_regression() -> Cases:
    """Return losses of classes for values."""
    name = "regression_with_classification_loss"
    return (
        static(
            "cross-entropy for values",
            recipes.FRIEDMAN,
            fault(f"{name}|missing_output_activation", loss=BINARY),
        ),
        static(
            "sigmoid and cross-entropy for a forecast",
            recipes.FORECAST,
            fault(name, loss=BINARY),
            fault("bounded_output_for_unbounded_target", output="sigmoid"),
        ),
        static(
            "sigmoid and cross-entropy for prices",
            recipes.HOUSES,
            fault(name, loss=BINARY),
            fault("bounded_output_for_unbounded_target", output="sigmoid"),
            fault("unnormalized_target", data=partial(datasets.houses, scaled_target=False)),
        ),
        static(
            "softmax and categorical cross-entropy for several values",
            recipes.PLANES,
            fault(name, loss=ONE_HOT),
            fault("bounded_output_for_unbounded_target|wrong_output_activation", output="softmax"),
        ),
    )


def for_classes() -> Cases:
    """Return losses of values for classes."""
    name = "classification_with_regression_loss"
    return (
        static(
            "squared error of a softmax against integers",
            recipes.DIGITS_SPARSE,
            fault(
                f"{name}|label_encoding|too_many_output_units|label_shape_broadcast",
                loss="mse",
                spoils=(spoils.columns_of_targets,),
            ),
        ),
        static(
            "absolute error of a softmax against one-hot digits",
            recipes.DIGITS,
            fault(name, loss="mae"),
        ),
        static(
            "one linear unit for four topics",
            recipes.TOPICS,
            fault(f"{name}|too_few_output_units", units=1, output="linear", loss="mse"),
        ),
        static(
            "squared error with a slow SGD, one-hot digits",
            recipes.DIGITS,
            fault(name, loss="mse"),
            fault("learning_rate_too_low|too_few_updates", optimizer=sgd(1e-3)),
        ),
    )


def undefined() -> Cases:
    """Return relative errors of targets near 0 or below it."""
    name = "undefined_relative_loss"
    zeros = partial(_with_zeros, 0.3)
    return (
        static(
            "percentage error with targets of 0",
            recipes.FRIEDMAN,
            fault(name, loss="mape", spoils=(zeros,)),
        ),
        static(
            "percentage error of a forecast around 0",
            recipes.FORECAST,
            fault(name, loss="mape", spoils=(zeros,)),
        ),
        static(
            "logarithmic error with negative targets",
            recipes.CURVE,
            fault(name, loss="msle"),
        ),
        static(
            "percentage error with targets of 0 and a high rate",
            recipes.HOUSES_SGD,
            fault(name, loss="mape", spoils=(zeros,)),
            fault("learning_rate_too_high", optimizer=sgd(1.0, 0.9)),
        ),
    )


def metrics() -> Cases:
    """Return trainings whose metric says something else than how good they are."""
    name = "metric_does_not_fit"
    honest = {"judged": "val_r2_score", "metrics": (keras.metrics.R2Score,)}
    told = {**vars(recipes.FRIEDMAN), **honest}
    classes = {**vars(recipes.DIGITS_SPARSE), "judged": "val_accuracy"}
    return (
        static(
            "accuracy of a regression",
            recipes.Recipe(**told),
            fault(name, metrics=("accuracy",), judged="val_accuracy"),
        ),
        static(
            "categorical accuracy of integer labels",
            recipes.Recipe(**classes),
            fault(
                name,
                metrics=("binary_accuracy",),
                judged="val_binary_accuracy",
                spoils=(spoils.columns_of_targets,),
            ),
        ),
        static(
            "accuracy of a forecast",
            recipes.Recipe(**{**vars(recipes.FORECAST_GRU), **honest}),
            fault(name, metrics=("accuracy",), judged="val_accuracy"),
        ),
    )


def not_finite() -> Cases:
    """Return losses whose derivative is infinite somewhere."""
    name = "non_finite"
    own = odd_layers.UnguardedCrossEntropy
    return (
        trained(
            "own cross-entropy without a guard, ReLU output",
            recipes.CIRCLES,
            fault(f"{name}|wrong_loss", loss=own),
            fault("relu_output", output="relu"),
        ),
        trained(
            "own cross-entropy without a guard and a high rate",
            recipes.CANCER,
            fault(f"{name}|wrong_loss", loss=own),
            fault("learning_rate_too_high", optimizer=adam(2.0)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (
        *zero(),
        *for_regression(),
        *for_classes(),
        *undefined(),
        *metrics(),
        *not_finite(),
    )


def _with_zeros(share: float, data: datasets.Split) -> datasets.Split:
    holes = np.random.default_rng(0).random(data.y.shape) < share
    return data._replace(y=np.where(holes, np.float32(0), data.y))
