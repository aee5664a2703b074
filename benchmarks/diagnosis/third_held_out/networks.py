"""Networks that cannot learn, learn too much, or mix up their rows."""

from functools import partial

from keras import initializers, layers, optimizers, regularizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out.bodies import dense, function, of, read, then
from benchmarks.diagnosis.recipes import adam, regression, sgd
from benchmarks.diagnosis.third_held_out import nets, recipes, slips, tables

CONSTANT, NORMAL = initializers.Constant, partial(partial, initializers.RandomNormal)
BEHIND, SMALL = "moving_statistics_behind|batch_norm_gap", "too_small_batch|batch_norm_gap"
UNEVEN = "imbalanced_updates|learning_rate_too_low|slow_convergence|vanishing_gradient"
HELD = "excess_regularization"
TRIAL = regression(
    tables.trial,
    of(),
    0.5,
    head={"kernel_regularizer": regularizers.L1(0.05)},
    epochs=40,
    batch_size=20,
    optimizer=adam(0.02),
)


def signals() -> Cases:
    """Return signals or gradients that fade, or grow, on their way."""
    echo = initializers.Orthogonal(gain=4.0, seed=1)
    return (
        static(
            "ten sigmoid layers for a board",
            recipes.BOARD,
            fault("vanishing_gradient", body=dense(*(10 * [24]), bend="sigmoid"), epochs=12),
        ),
        static(
            "seven SiLU layers from normal weights of .8",
            recipes.CONCRETE,
            fault(
                "large_initial_weights|exploding_gradient",
                body=dense(*(7 * [64]), bend="silu", kernel_initializer=NORMAL(stddev=0.8)),
            ),
        ),
        static(
            "a ReLU recurrence that multiplies by four",
            recipes.GLUCOSE,
            fault(
                "exploding_gradient|large_initial_weights|non_finite",
                body=of(partial(layers.SimpleRNN, 12, "relu", recurrent_initializer=echo)),
                optimizer=sgd(0.01),
            ),
        ),
    )


def units() -> Cases:
    """Return units that are dead, saturated, alike, or not trained."""
    behind = (slips.Thousandth, partial(layers.Dense, 24, "elu"))
    return (
        static(
            "biases of -6 in convolutions of clocks",
            recipes.CLOCKS,
            fault("dead_units", body=nets.stack(8, bias_initializer=CONSTANT(-6.0))),
        ),
        static(
            "tanh of weights around 8, a board",
            recipes.BOARD,
            fault(
                "saturated_units|large_initial_weights",
                epochs=8,
                body=dense(64, 64, bend="tanh", kernel_initializer=NORMAL(stddev=8.0)),
            ),
        ),
        static(
            "all kernels .02, headlines",
            recipes.HEADLINES,
            fault(
                "symmetric_weights",
                body=dense(32, kernel_initializer=CONSTANT(0.02)),
                head={"kernel_initializer": CONSTANT(0.02)},
            ),
        ),
        trained(
            "a division by 1000 between two layers",
            recipes.CONCRETE_SGD,
            fault(UNEVEN, body=then(dense(24, bend="elu"), *behind)),
        ),
        static(
            "a frozen body that has learned nothing",
            recipes.UPPER,
            fault("frozen_layer", body=dense(3), trainable=False),
        ),
        trained(
            "shares of steps, averaged over the steps",
            recipes.ENGINES,
            fault(
                "constant_predictions|no_learning|vanishing_gradient|symmetric_weights",
                body=of(partial(layers.Conv1D, 12, 5, activation="relu"), slips.SharesOfSteps),
            ),
        ),
    )


def size() -> Cases:
    """Return networks without a bend, held down, too narrow, or with room for every row."""
    l1 = regularizers.L1(0.1)
    return (
        static(
            "three linear layers for a board",
            recipes.BOARD,
            fault("no_nonlinearity", body=dense(64, 64, 32, bend="linear"), epochs=8),
        ),
        static(
            "L1 of .1 on strengths",
            recipes.CONCRETE,
            fault(HELD, body=dense(32, 16, kernel_regularizer=l1)),
        ),
        trained(
            "weight decay of 30, emotions",
            recipes.EMOTIONS,
            fault(HELD, optimizer=partial(optimizers.AdamW, 0.01, weight_decay=30.0)),
        ),
        trained(
            "a recurrence of one unit, gestures",
            recipes.GESTURES,
            fault("underfitting", body=of(partial(layers.GRU, 1))),
        ),
        trained(
            "sixty patients, two wide layers",
            TRIAL,
            fault("overfitting", body=dense(96, 96), head={}),
        ),
    )


def rows() -> Cases:
    """Return statistics of batches that come too late, and rows that meet other rows."""
    late = partial(nets.bottlenecks, momentum=0.9999)
    summed = read(9, 6, slips.RunningSum, partial(layers.GRU, 16))
    return (
        static(
            "momentum of .9999 in bottlenecks", recipes.FIELDS, fault(BEHIND, body=function(late))
        ),
        trained(
            "a quality at a time, normalized",
            recipes.QUALITY,
            fault(SMALL, batch_size=1, epochs=1, spoils=(spoils.few_rows(400),)),
        ),
        static(
            "a batch read backwards",
            recipes.GESTURES,
            fault("dependent_examples", body=of(slips.Backwards, partial(layers.LSTM, 16))),
        ),
        static(
            "sums over the batch, alarms", recipes.ALARMS, fault("dependent_examples", body=summed)
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*signals(), *units(), *size(), *rows())
