"""Last layers that cannot give what is asked of them."""

from functools import partial

from keras import layers

from benchmarks.diagnosis import datasets, networks, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT, adam, sgd

SOFTMAX_ONE = fault("softmax_one_unit", output="softmax")
LINEAR = fault("missing_output_activation", output="linear")
RAW = fault("unnormalized_input", data=partial(datasets.cancer, scaled=False))
TOO_HIGH = fault("learning_rate_too_high", optimizer=sgd(3.0, 0.9))


def one_unit() -> Cases:
    """Return softmax over one unit: the output is 1 for every row."""
    return (
        static("softmax over one unit, moons", recipes.MOONS, SOFTMAX_ONE),
        static("softmax over one unit, cancer with SGD", recipes.CANCER_SGD, SOFTMAX_ONE),
        static("softmax over one unit, images", recipes.ZERO_OR_ONE, SOFTMAX_ONE),
        static("softmax over one unit, LSTM over words", recipes.WORDS_LSTM, SOFTMAX_ONE),
        static("softmax over one unit, transformer", recipes.TRANSFORMER, SOFTMAX_ONE),
        static(
            "softmax over one unit, target of any size",
            recipes.FRIEDMAN,
            fault(
                "softmax_one_unit|bounded_output_for_unbounded_target|wrong_output_activation",
                output="softmax",
            ),
        ),
        static("softmax over one unit and raw columns", recipes.CANCER, SOFTMAX_ONE, RAW),
        static(
            "softmax over one unit and a squared error, slants",
            recipes.SLANTS,
            SOFTMAX_ONE,
            fault("classification_with_regression_loss", loss="mse"),
        ),
        static(
            "softmax over one unit and a rate far too low, circles",
            recipes.CIRCLES,
            SOFTMAX_ONE,
            fault("learning_rate_too_low|too_few_updates", optimizer=adam(1e-6)),
        ),
    )


def relu() -> Cases:
    """Return outputs that a ReLU cuts off at 0."""
    cut = fault("relu_output|bounded_output_for_unbounded_target", output="relu")
    return (
        static("ReLU at the output, targets of both signs", recipes.FRIEDMAN, cut),
        static("ReLU at the output of a forecast", recipes.FORECAST_GRU, cut),
        static(
            "ReLU at the output, negative targets",
            recipes.CURVE,
            fault(
                "relu_output|bounded_output_for_unbounded_target",
                output="relu",
                data=partial(datasets.curve, offset=-3.0),
            ),
        ),
        static(
            "ReLU over many classes",
            recipes.DIGITS,
            fault("relu_output", output="relu"),
        ),
        static(
            "ReLU over many classes and a high rate, images",
            recipes.DIGITS_CNN,
            fault("relu_output", output="relu"),
            fault("learning_rate_too_high", optimizer=adam(0.3)),
        ),
        static(
            "ReLU for a probability, and unscaled columns",
            recipes.CANCER,
            fault("relu_output", output="relu"),
            RAW,
        ),
        static(
            "ReLU at the output of several targets",
            recipes.PLANES,
            fault("relu_output|bounded_output_for_unbounded_target", output="relu"),
        ),
    )


def missing() -> Cases:
    """Return linear outputs under a loss that takes probabilities."""
    return (
        static("no softmax, digits", recipes.DIGITS_SPARSE, LINEAR),
        static("no softmax, images", recipes.DIGITS_CNN, LINEAR),
        static("no softmax, transformer", recipes.TOPIC_TRANSFORMER, LINEAR),
        static("no softmax, one-hot targets with momentum", recipes.DIGITS, LINEAR),
        static(
            "no softmax and a high rate, blobs",
            recipes.BLOBS,
            LINEAR,
            fault("learning_rate_too_high", optimizer=sgd(5.0, 0.9)),
        ),
        static(
            "no sigmoid and raw columns",
            recipes.CANCER_SGD,
            LINEAR,
            RAW,
        ),
    )


def bounded() -> Cases:
    """Return bounded outputs for targets beyond the bounds."""
    name = "bounded_output_for_unbounded_target"
    raw_prices = partial(datasets.houses, scaled_target=False)
    return (
        static("sigmoid for standardized targets", recipes.FRIEDMAN, fault(name, output="sigmoid")),
        static("sigmoid for a forecast", recipes.FORECAST, fault(name, output="sigmoid")),
        static(
            "tanh for targets up to 15",
            recipes.CURVE,
            fault(name, output="tanh", data=partial(datasets.curve, height=6.0)),
        ),
        static(
            "sigmoid for prices in raw units",
            recipes.HOUSES,
            fault(name, output="sigmoid"),
            fault("unnormalized_target", data=raw_prices),
        ),
        static(
            "softmax over several real targets",
            recipes.PLANES,
            fault(f"{name}|wrong_output_activation", output="softmax"),
        ),
        static(
            "tanh for a forecast around 20",
            recipes.FORECAST_GRU,
            fault(name, output="tanh"),
            fault(
                "unnormalized_input|unnormalized_target",
                data=partial(datasets.forecast, offset=20.0),
            ),
        ),
    )


def few() -> Cases:
    """Return fewer outputs than classes."""
    few_units = "too_few_output_units"
    return (
        static(
            "one sigmoid unit for ten digits",
            recipes.DIGITS_SPARSE,
            fault(few_units, units=1, output="sigmoid"),
            fault("wrong_loss|label_encoding|too_few_output_units", loss=BINARY),
        ),
        static(
            "one unit and a squared error for ten digits",
            recipes.DIGITS_CNN,
            fault(few_units, units=1, output="linear"),
            fault("classification_with_regression_loss", loss="mse"),
        ),
        static(
            "one sigmoid unit for three wines",
            recipes.WINE,
            fault(f"{few_units}|label_encoding", units=1, output="sigmoid", loss=BINARY),
        ),
        static(
            "one softmax unit for four topics",
            recipes.TOPICS,
            fault(few_units, units=1),
            fault("softmax_one_unit", output="softmax"),
            fault("wrong_loss|label_encoding|too_few_output_units", loss=BINARY),
        ),
        static(
            "one sigmoid unit and a squared error for five blobs",
            recipes.BLOBS,
            fault(few_units, units=1),
            fault(
                "classification_with_regression_loss|bounded_output_for_unbounded_target",
                output="sigmoid",
                loss="mse",
            ),
        ),
    )


def many() -> Cases:
    """Return more outputs than targets."""
    many_units = "too_many_output_units"
    return (
        static(
            "five outputs for one price",
            recipes.HOUSES,
            fault(f"{many_units}|label_shape_broadcast", units=5),
        ),
        static(
            "three softmax outputs for one real target",
            recipes.FRIEDMAN,
            fault(many_units, units=3),
            fault("bounded_output_for_unbounded_target|wrong_output_activation", output="softmax"),
        ),
        static(
            "two softmax outputs and a squared error for a binary label",
            recipes.MOONS,
            fault(
                f"{many_units}|classification_with_regression_loss|label_encoding"
                "|label_shape_broadcast",
                units=2,
                output="softmax",
                loss="mse",
                spoils=(spoils.columns_of_targets,),
            ),
        ),
        static(
            "all steps of an LSTM for one target",
            recipes.FORECAST_GRU,
            fault(
                f"{many_units}|label_shape_broadcast",
                body=networks.recurrent(layers.GRU, 12, return_sequences=True),
            ),
        ),
    )


def exclusive() -> Cases:
    """Return a softmax where several labels can be true."""
    name = "exclusive_output_for_multilabel"
    return (
        static("softmax over tags", recipes.TAGS, fault(name, output="softmax")),
        static(
            "softmax and categorical cross-entropy over tags",
            recipes.TAGS,
            fault(f"{name}|wrong_loss", output="softmax", loss=ONE_HOT),
        ),
        static(
            "softmax over tags and a high rate",
            recipes.TAGS,
            fault(name, output="softmax"),
            TOO_HIGH,
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (
        *one_unit(),
        *relu(),
        *missing(),
        *bounded(),
        *few(),
        *many(),
        *exclusive(),
    )
