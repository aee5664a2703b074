"""Networks that cannot learn, or learn the wrong thing."""

from functools import partial
from typing import Any

from keras import initializers, layers, optimizers, regularizers

from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out import bodies, recipes
from benchmarks.diagnosis.recipes import adam, sgd

NORMAL = partial(partial, initializers.RandomNormal)
BEHIND = "moving_statistics_behind|batch_norm_gap"
UNEVEN = "imbalanced_updates|learning_rate_too_low|slow_convergence|too_few_updates"


def signals() -> Cases:
    """Return signals or gradients that fade or grow on their way."""
    sigmoids = bodies.dense(*(12 * [24]), bend="sigmoid")
    large = bodies.dense(*(10 * [48]), kernel_initializer=NORMAL(stddev=1.0))
    growing = partial(
        layers.SimpleRNN,
        24,
        activation="relu",
        recurrent_initializer=initializers.Orthogonal(gain=6.0, seed=1),
    )
    return (
        static(
            "twelve sigmoid layers for rings",
            recipes.RINGS,
            fault("vanishing_gradient", body=sigmoids),
        ),
        static(
            "ten tanh layers from weights near 0",
            recipes.CHURN_TANH,
            fault(
                "vanishing_gradient",
                body=bodies.dense(
                    *(10 * [16]), bend="tanh", kernel_initializer=NORMAL(stddev=0.02)
                ),
            ),
        ),
        static(
            "twelve sigmoid layers for a hand, and ReLU at the output",
            recipes.ARM,
            fault("vanishing_gradient", body=sigmoids),
            fault("relu_output|bounded_output_for_unbounded_target", output="relu"),
        ),
        static(
            "ten layers from large weights",
            recipes.CIRCUITS,
            fault("exploding_gradient", body=large),
        ),
        static(
            "a recurrence that multiplies by six",
            recipes.SUMS,
            fault("exploding_gradient|non_finite", body=bodies.of(growing), optimizer=sgd(0.01)),
        ),
    )


def units() -> Cases:
    """Return units that are dead, saturated, alike or not trained."""

    def constant(value: float) -> Any:
        return initializers.Constant(value)

    return (
        static(
            "biases of -8 before ReLU",
            recipes.RINGS,
            fault("dead_units", body=bodies.dense(32, 32, bias_initializer=constant(-8.0))),
        ),
        static(
            "biases of -5 in convolutions",
            recipes.SHAPES,
            fault("dead_units", body=bodies.conv(12, 16, bias_initializer=constant(-5.0))),
        ),
        static(
            "tanh from weights around 30",
            recipes.ROLL,
            fault(
                "saturated_units",
                body=bodies.dense(16, 16, bend="tanh", kernel_initializer=NORMAL(stddev=30.0)),
            ),
        ),
        static(
            "sigmoids with biases of 15",
            recipes.TYPES,
            fault(
                "saturated_units",
                body=bodies.dense(24, 24, bend="sigmoid", bias_initializer=constant(15.0)),
            ),
        ),
        static(
            "three frozen units for rings",
            recipes.RINGS,
            fault("frozen_layer", body=bodies.dense(3), trainable=False),
        ),
        static(
            "frozen convolutions and a softmax over one unit",
            recipes.MASKS,
            fault(
                "frozen_layer",
                trainable=False,
                body=bodies.of(partial(layers.Conv2D, 1, 3, padding="same", activation="relu")),
            ),
            fault("softmax_one_unit", output="softmax"),
        ),
        static(
            "all kernels zero",
            recipes.ARM,
            fault(
                "symmetric_weights",
                body=bodies.dense(40, 40, bend="tanh", kernel_initializer="zeros"),
                head={"kernel_initializer": "zeros"},
            ),
        ),
        static(
            "all kernels .1",
            recipes.RINGS,
            fault(
                "symmetric_weights",
                body=bodies.dense(48, 24, bend="selu", kernel_initializer=constant(0.1)),
                head={"kernel_initializer": constant(0.1)},
            ),
        ),
        trained(
            "embeddings under plain SGD",
            recipes.STARS,
            fault(f"{UNEVEN}|vanishing_gradient", optimizer=sgd(0.003)),
        ),
    )


def size() -> Cases:
    """Return networks without a bend, too small, or held down."""
    line = bodies.dense(48, 24, bend="linear")
    l2 = regularizers.L2(3.0)
    return (
        static("linear layers for rings", recipes.RINGS, fault("no_nonlinearity", body=line)),
        static(
            "linear layers for a hand, and Adam(1)",
            recipes.ARM,
            fault("no_nonlinearity", body=bodies.dense(40, 40, bend="linear")),
            fault("learning_rate_too_high", optimizer=adam(1.0)),
        ),
        trained(
            "one hidden unit for bicycles",
            recipes.COUNTS,
            fault("underfitting", body=bodies.dense(1)),
        ),
        trained(
            "spectra through one number",
            recipes.SPECTRA,
            fault("underfitting", body=bodies.dense(24, 1, 24, bend="elu")),
        ),
        static(
            "L2 of 3 on places",
            recipes.ROLL,
            fault(
                "excess_regularization",
                body=bodies.dense(48, 48, bend="gelu", kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
        ),
        static(
            "L1 of activities in convolutions",
            recipes.SHAPES,
            fault(
                "excess_regularization",
                body=bodies.conv(12, 16, activity_regularizer=regularizers.L1(1.0)),
            ),
        ),
        static(
            "weight decay of 50, colours",
            recipes.TILES,
            fault(
                "excess_regularization",
                optimizer=partial(optimizers.AdamW, 5e-3, weight_decay=50.0),
            ),
        ),
        static(
            "dropout of .95 behind a recurrence",
            recipes.ROWS,
            fault(
                "excess_regularization",
                body=bodies.of(
                    partial(layers.GRU, 20, dropout=0.95), partial(layers.Dropout, 0.95)
                ),
            ),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*signals(), *units(), *size())
