"""Last layers that cannot give what is asked of them."""

from functools import partial

from keras import layers, optimizers

from benchmarks.diagnosis import spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out import bodies, recipes, tables
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd

SOFTMAX = fault("softmax_one_unit", output="softmax")
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault("relu_output|bounded_output_for_unbounded_target", output="relu")
BOUNDED = "bounded_output_for_unbounded_target"
FEW, MANY = "too_few_output_units", "too_many_output_units"
EXCLUSIVE = "exclusive_output_for_multilabel"


def one_unit() -> Cases:
    """Return softmax over one number."""
    behind = (partial(layers.Dense, 1), partial(layers.Activation, "softmax"))
    return (
        static("a softmax tells who leaves", recipes.CHURN, SOFTMAX),
        static(
            "a softmax layer behind one unit, pairs",
            recipes.PAIRS,
            fault("softmax_one_unit", units=0, body=bodies.then(recipes.PAIRS.body, *behind)),
        ),
        static("a softmax over the one channel of a mask", recipes.MASKS, SOFTMAX),
        static(
            "a softmax over one unit and SGD(1e-5), pulses",
            recipes.NARROW,
            SOFTMAX,
            fault("learning_rate_too_low|too_few_updates", optimizer=sgd(1e-5)),
        ),
        static(
            "a softmax over one unit and genes / 4",
            recipes.GENES,
            SOFTMAX,
            fault("truncated_tokens", spoils=(spoils.inputs_times(1 / 4),)),
        ),
        static(
            "a softmax over one unit and raw customers",
            recipes.CHURN_TANH,
            SOFTMAX,
            fault("unnormalized_input", data=tables.raw_churn),
        ),
    )


def relu() -> Cases:
    """Return outputs without a negative side."""
    return (
        static("ReLU for angle and speed", recipes.PENDULUM, CUT),
        static("ReLU for the place of a hand", recipes.ARM, CUT),
        static(
            "ReLU for sums of both signs, and a high rate",
            recipes.SUMS,
            CUT,
            fault("learning_rate_too_high", optimizer=adam(0.5)),
        ),
        static("ReLU over three shapes", recipes.SHAPES, fault("relu_output", output="relu")),
        static(
            "ReLU over four types and a high rate",
            recipes.TYPES,
            fault("relu_output", output="relu"),
            fault("learning_rate_too_high", optimizer=partial(optimizers.Nadam, 0.5)),
        ),
    )


def missing() -> Cases:
    """Return raw numbers where the loss takes probabilities."""
    return (
        static("no softmax behind texts", recipes.REVIEWS, LINEAR),
        static("no softmax and smoothed labels", recipes.TYPES, LINEAR),
        static("no softmax behind letters", recipes.NAMES, LINEAR),
        static(
            "no softmax and colours up to 255",
            recipes.TILES_SGD,
            LINEAR,
            fault("unnormalized_input", spoils=(spoils.inputs_times(255.0),)),
        ),
    )


def bounded() -> Cases:
    """Return outputs that cannot get to where the targets are."""
    return (
        static(
            "tanh for places from 4.7 to 14",
            recipes.ROLL,
            fault(BOUNDED, output="tanh", data=partial(tables.roll, scaled_target=False)),
        ),
        static("sigmoid for one to five stars", recipes.STARS, fault(BOUNDED, output="sigmoid")),
        static("sigmoid for standardized fares", recipes.FARES, fault(BOUNDED, output="sigmoid")),
        static(
            "softmax over a cosine and a sine",
            recipes.BARS,
            fault(f"{BOUNDED}|wrong_output_activation", output="softmax"),
        ),
        static(
            "sigmoid for counts of bicycles",
            recipes.COUNTS,
            fault(BOUNDED, output="sigmoid"),
            fault("unnormalized_target", data=tables.rentals),
        ),
    )


def few() -> Cases:
    """Return too few numbers."""
    return (
        static(
            "one sigmoid for four languages",
            recipes.NAMES,
            fault(f"{FEW}|label_encoding", units=1, output="sigmoid", loss=BINARY),
        ),
        static(
            "one number for four hues",
            recipes.TILES,
            fault(FEW, units=1, output="linear"),
            fault("classification_with_regression_loss", loss="mean_squared_error"),
        ),
        static(
            "one number for both coordinates of a hand",
            recipes.ARM,
            fault(f"{FEW}|label_shape_broadcast", units=1),
        ),
        static(
            "one softmax unit for three pulses",
            recipes.PULSES,
            fault(f"{FEW}|label_encoding|wrong_loss", units=1, loss=BINARY),
            SOFTMAX,
        ),
    )


def many() -> Cases:
    """Return too many numbers."""
    name = f"{MANY}|label_shape_broadcast"
    return (
        static("ten numbers for one progress", recipes.DIABETES, fault(name, units=10)),
        static(
            "a number for each step of a sequence",
            recipes.SUMS,
            fault(name, body=bodies.of(partial(layers.GRU, 20, return_sequences=True))),
        ),
        static(
            "three numbers and raw circuits",
            recipes.CIRCUITS_SGD,
            fault(name, units=3),
            fault("unnormalized_input", data=tables.raw_circuits),
        ),
    )


def exclusive() -> Cases:
    """Return illnesses of which only one may be there."""
    return (
        static("a softmax over illnesses", recipes.SYMPTOMS, fault(EXCLUSIVE, output="softmax")),
        static(
            "a softmax and categorical cross-entropy over illnesses",
            recipes.SYMPTOMS,
            fault(f"{EXCLUSIVE}|wrong_loss", output="softmax", loss=ONE_HOT, metrics=("accuracy",)),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*one_unit(), *relu(), *missing(), *bounded(), *few(), *many(), *exclusive())
