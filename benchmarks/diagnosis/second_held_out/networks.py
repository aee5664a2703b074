"""Networks that cannot learn, learn too much, or mix up their rows."""

from functools import partial

from keras import initializers, layers, regularizers

from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.held_out.bodies import dense, function, of, read, then
from benchmarks.diagnosis.recipes import classifier
from benchmarks.diagnosis.second_held_out import nets, recipes, slips, tables

NORMAL = partial(partial, initializers.RandomNormal)
BELOW = initializers.RandomUniform(-0.2, 0.0, seed=1)
BEHIND = "moving_statistics_behind|batch_norm_gap"
ASSAY = classifier(
    "MLP",
    tables.assay,
    of(),
    0.72,
    head={"kernel_regularizer": regularizers.L1(0.06)},
    epochs=60,
    batch_size=10,
)


def signals() -> Cases:
    """Return signals that fade, grow or stay the same, and units that do not answer."""
    return (
        static(
            "ten sigmoid layers for clicks",
            recipes.CLICKS,
            fault("vanishing_gradient", body=dense(*(10 * [16]), bend="sigmoid")),
        ),
        static(
            "eight layers from normal weights of 1",
            recipes.ARCTAN,
            fault(
                "large_initial_weights|exploding_gradient",
                body=dense(*(8 * [64]), kernel_initializer=NORMAL(stddev=1.0)),
            ),
        ),
        static(
            "tanh from weights around 10, grades",
            recipes.GRADES,
            fault(
                "saturated_units|large_initial_weights",
                body=dense(32, 32, bend="tanh", kernel_initializer=NORMAL(stddev=10.0)),
            ),
        ),
        static(
            "weights below 0 over pixels above 0",
            recipes.PATCHES_SGD,
            fault("dead_units", body=nets.plain(8, 16, kernel_initializer=BELOW)),
        ),
        static(
            "all weights zero, throws",
            recipes.THROWS,
            fault(
                "symmetric_weights",
                body=dense(40, 20, kernel_initializer="zeros"),
                head={"kernel_initializer": "zeros"},
            ),
        ),
        static(
            "frozen features of arrows",
            recipes.ARROWS_SGD,
            fault("frozen_layer", body=nets.plain(2, 2), trainable=False),
        ),
    )


def size() -> Cases:
    """Return networks without a bend, held down, or with room for every row."""
    l2 = regularizers.L2(1.0)
    narrow = read(15, 8, layers.Flatten, partial(layers.Dense, 2, "relu"))
    return (
        static(
            "forgotten activations, hastie",
            recipes.HASTIE,
            fault("no_nonlinearity", body=dense(64, 32, bend="linear")),
        ),
        static(
            "L2 of 1 on bills",
            recipes.INSURANCE,
            fault(
                "excess_regularization",
                body=dense(32, 16, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
        ),
        static(
            "a share to keep of .9 given to Dropout",
            recipes.HEARTBEATS,
            fault(
                "excess_regularization",
                body=then(recipes.HEARTBEATS.body, *(2 * [partial(layers.Dropout, 0.9)])),
            ),
        ),
        trained(
            "fifty samples with eighty markers",
            ASSAY,
            fault("overfitting", body=dense(128, 64), head={}),
        ),
        trained(
            "two hidden units for fifteen letters",
            recipes.LETTERS,
            fault("underfitting", body=narrow),
        ),
    )


def rows() -> Cases:
    """Return statistics of batches that come too late, and rows that meet other rows."""
    late = partial(nets.residual, momentum=0.9999)
    return (
        static(
            "momentum of .9999 in residual blocks",
            recipes.ARROWS,
            fault(BEHIND, body=function(late)),
        ),
        trained(
            "batches of one with normalization",
            recipes.GLYPHS,
            fault("too_small_batch|batch_norm_gap", batch_size=1, epochs=1),
        ),
        static(
            "windows put together in a wrong order",
            recipes.RETURNS,
            fault("dependent_examples", body=of(slips.FoldedRows, partial(layers.LSTM, 16))),
        ),
        static(
            "a constant column, standardized",
            recipes.PLANT,
            fault("bad_data|non_finite", spoils=(slips.empty_column,)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*signals(), *size(), *rows())
