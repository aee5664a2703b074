"""Two or three faults at once, of different kinds."""

from functools import partial

from keras import initializers, layers, losses, optimizers, regularizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out.bodies import dense, function, of
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, rmsprop, sgd
from benchmarks.diagnosis.third_held_out import images, nets, recipes, sequences, slips, tables

BOUNDED = "bounded_output_for_unbounded_target"
LOW = "learning_rate_too_low|too_few_updates|slow_convergence"
HIGH, FEW = "learning_rate_too_high", "too_few_updates|learning_rate_too_low|slow_convergence"
RAW, RAW_TARGET = "unnormalized_input", "unnormalized_target"
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault(f"relu_output|{BOUNDED}", output="relu")
SOFTMAX = fault("softmax_one_unit", output="softmax")


def heads() -> Cases:
    """Return wrong last layers or losses, and other faults."""
    return (
        static(
            "one softmax unit, its categorical cross-entropy, and raw cells",
            recipes.CELLS,
            SOFTMAX,
            fault("loss_always_zero", loss=ONE_HOT),
            fault(RAW, data=tables.raw_cells),
        ),
        static(
            "no softmax behind a U-Net, and Adam(1e-6)",
            recipes.PIXELS,
            LINEAR,
            fault(LOW, optimizer=adam(1e-6)),
        ),
        static(
            "no softmax and colours up to 255, fields",
            recipes.FIELDS_SGD,
            LINEAR,
            fault(RAW, data=partial(images.fields, scale=255.0)),
        ),
        static(
            "ReLU and Adadelta as it comes, a radius",
            recipes.BUBBLES,
            CUT,
            fault(LOW, optimizer=optimizers.Adadelta),
        ),
        static(
            "sigmoid for flats in euros",
            recipes.FLATS,
            fault(BOUNDED, output="sigmoid"),
            fault(RAW_TARGET, data=partial(tables.flats, target="euros")),
        ),
        static(
            "sigmoid and Kelvin, and RMSprop(.5)",
            recipes.TEMPERATURES,
            fault(BOUNDED, body=function(partial(nets.decoded, end="sigmoid"))),
            fault(f"{RAW_TARGET}|{RAW}", data=partial(sequences.temperatures, kelvin=True)),
            fault(HIGH, optimizer=rmsprop(0.5)),
        ),
        static(
            "one sigmoid for four gestures, and SGD(1e-4)",
            recipes.GESTURES,
            fault(
                "too_few_output_units|label_encoding|wrong_loss",
                units=1,
                output="sigmoid",
                loss=BINARY,
            ),
            fault(LOW, optimizer=sgd(1e-4)),
        ),
        static(
            "a softmax over emotions, and SGD(1e-5)",
            recipes.EMOTIONS,
            fault("exclusive_output_for_multilabel", output="softmax"),
            fault(LOW, optimizer=sgd(1e-5)),
        ),
        static(
            "binary cross-entropy of strengths, and kilograms",
            recipes.CONCRETE_SGD,
            fault("regression_with_classification_loss", loss=losses.BinaryCrossentropy),
            fault(RAW, data=tables.raw_concrete),
        ),
    )


def others() -> Cases:
    """Return wrong labels, data or hidden layers, and other faults."""
    return (
        static(
            "qualities between 0 and 1, and one epoch",
            recipes.QUALITY,
            fault("label_encoding", spoils=(spoils.labels_times(0.2),)),
            fault(FEW, epochs=1, batch_size=256),
        ),
        static(
            "labels of 1 and 2 for two digits, and Adam(1)",
            recipes.SAME,
            fault("label_encoding", spoils=(spoils.labels_times(1, 1),)),
            fault(HIGH, optimizer=adam(1.0)),
        ),
        static(
            "rare machines, and dropout of .95",
            recipes.MACHINES,
            fault("class_imbalance", class_weight=None),
            fault(
                "excess_regularization",
                body=of(partial(layers.Dense, 16, "silu"), partial(layers.Dropout, 0.95)),
            ),
        ),
        static(
            "ten sigmoid layers and a bound, two yields",
            recipes.REACTION,
            fault("vanishing_gradient", body=dense(*(10 * [24]), bend="sigmoid"), units=2),
            fault(BOUNDED, output="sigmoid"),
        ),
        static(
            "words divided by their number, and one softmax unit",
            recipes.QUESTIONS,
            fault("truncated_tokens", spoils=(slips.truncated,)),
            SOFTMAX,
        ),
        static(
            "own pinball loss of (N,) and (N, 1), and L1 of .1",
            recipes.FLATS,
            fault("label_shape_broadcast", loss=slips.Pinball, spoils=(spoils.flat_targets,)),
            fault(
                "excess_regularization",
                body=dense(32, 16, kernel_regularizer=regularizers.L1(0.1)),
            ),
        ),
    )


def small() -> Cases:
    """Return mistakes of small networks that come in pairs."""
    constant = initializers.Constant(0.02)
    wide = partial(initializers.RandomNormal, stddev=8.0)
    return (
        static(
            "percentage error of calls, and RMSprop(1)",
            recipes.CALLS,
            fault("undefined_relative_loss", loss="mape"),
            fault(HIGH, optimizer=rmsprop(1.0)),
        ),
        static(
            "tanh of weights around 8, and SGD(1e-5), a board",
            recipes.BOARD,
            fault(
                "saturated_units|large_initial_weights",
                epochs=8,
                body=dense(64, 64, bend="tanh", kernel_initializer=wide),
            ),
            fault(LOW, optimizer=sgd(1e-5)),
        ),
        static(
            "a frozen body that has learned nothing, and no softmax",
            recipes.UPPER,
            fault("frozen_layer", body=dense(3), trainable=False),
            LINEAR,
        ),
        static(
            "all kernels .02, and a ReLU over sections",
            recipes.HEADLINES,
            fault(
                "symmetric_weights",
                body=dense(32, kernel_initializer=constant),
                head={"kernel_initializer": constant},
            ),
            fault("relu_output", output="relu"),
        ),
        static(
            "missing strengths, and a ReLU",
            recipes.CONCRETE,
            fault("bad_data|non_finite", spoils=(slips.holes_in_targets,)),
            CUT,
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*heads(), *others(), *small())
