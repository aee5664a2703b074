"""Two faults at once, of different kinds: to mend one of them is not enough."""

from functools import partial

from keras import initializers, layers, regularizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out import bodies, mistakes, recipes, tables
from benchmarks.diagnosis.recipes import adam, sgd

LOW = "learning_rate_too_low|too_few_updates"
HIGH = fault("learning_rate_too_high", optimizer=adam(1.0))
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault("relu_output|bounded_output_for_unbounded_target", output="relu")
SIGMOID = fault("bounded_output_for_unbounded_target", output="sigmoid")


def heads() -> Cases:
    """Return wrong last layers with a wrong plan, or over wrong inputs."""
    return (
        static(
            "no softmax over rows of digits, and Adam(1e-6)",
            recipes.ROWS,
            LINEAR,
            fault(LOW, optimizer=adam(1e-6)),
        ),
        static(
            "no softmax in an own model, and SGD(1e-5)",
            recipes.OWN,
            LINEAR,
            fault(LOW, optimizer=sgd(1e-5)),
        ),
        static(
            "a softmax over one channel, and Adam(1)",
            recipes.MASKS,
            fault("softmax_one_unit", output="softmax"),
            HIGH,
        ),
        static(
            "sigmoid for impedances, and raw circuits",
            recipes.CIRCUITS,
            SIGMOID,
            fault("unnormalized_input", data=tables.raw_circuits),
        ),
        static(
            "a softmax over illnesses, labelled 1 and 2",
            recipes.SYMPTOMS,
            fault("exclusive_output_for_multilabel", output="softmax"),
            fault("label_encoding", spoils=(spoils.labels_times(1.0, 1.0),)),
        ),
        static(
            "percentage error and ReLU for peaks",
            recipes.PEAKS,
            fault("undefined_relative_loss", loss="mape"),
            CUT,
        ),
        static(
            "batch and time swapped, and ReLU at the output",
            recipes.PENDULUM,
            CUT,
            fault(
                "dependent_examples",
                body=bodies.of(mistakes.TimeFirst, partial(layers.LSTM, 16)),
            ),
        ),
    )


def networks() -> Cases:
    """Return wrong hidden layers with a wrong head, or over wrong data."""
    l2 = regularizers.L2(5.0)
    dead = initializers.Constant(-8.0)
    return (
        static(
            "linear layers and a sigmoid for a hand",
            recipes.ARM,
            SIGMOID,
            fault("no_nonlinearity", body=bodies.dense(40, 40, bend="linear")),
        ),
        static(
            "one hidden unit and a sigmoid for bicycles",
            recipes.COUNTS,
            SIGMOID,
            fault("underfitting", body=bodies.dense(1)),
        ),
        static(
            "L2 of 5 and progress in raw units",
            recipes.DIABETES,
            fault("unnormalized_target", data=partial(tables.diabetes, raw_target=True)),
            fault(
                "excess_regularization",
                body=bodies.dense(16, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
        ),
        static(
            "dead convolutions and no softmax",
            recipes.SHAPES,
            LINEAR,
            fault("dead_units", body=bodies.conv(12, 16, bias_initializer=dead)),
        ),
        static(
            "raw fares and Adam(1e-6)",
            recipes.FARES,
            fault("unnormalized_input", data=tables.raw_fares),
            fault(LOW, optimizer=adam(1e-6)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*heads(), *networks())
