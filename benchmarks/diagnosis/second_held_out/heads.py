"""Last layers that cannot give what is asked of them."""

from functools import partial

from keras import layers, losses

from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out.bodies import read
from benchmarks.diagnosis.recipes import BINARY, ONE_HOT
from benchmarks.diagnosis.second_held_out import images, recipes, series

BOUNDED = "bounded_output_for_unbounded_target"
SOFTMAX = fault("softmax_one_unit", output="softmax")
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault(f"relu_output|{BOUNDED}", output="relu")


def one_unit() -> Cases:
    """Return softmax over one number."""
    return (
        static("softmax of one unit, spam", recipes.MAILS, SOFTMAX),
        static("softmax of one unit, heartbeats", recipes.HEARTBEATS, SOFTMAX),
    )


def ported() -> Cases:
    """Return networks that were written for losses of logits, or the other way round."""
    logits = partial(losses.BinaryCrossentropy, from_logits=True)
    return (
        static("no softmax behind activities", recipes.ACTIVITIES, LINEAR),
        static(
            "Poisson loss of a linear unit, goals",
            recipes.GOALS,
            fault("missing_output_activation|wrong_output_activation", output="linear"),
        ),
        static(
            "a sigmoid, called logits, likes",
            recipes.LIKES,
            fault("wrong_output_activation|wrong_loss", loss=logits),
        ),
    )


def cut() -> Cases:
    """Return outputs that end where targets go on."""
    return (
        static("ReLU for changes of prices", recipes.RETURNS, CUT),
        static("ReLU over letters", recipes.LETTERS, fault("relu_output", output="relu")),
        static(
            "sigmoid for standardized halves",
            recipes.HALVES,
            fault(BOUNDED, data=partial(images.halves, standardized=True), loss="mse"),
        ),
        static(
            "sigmoid for megawatts",
            recipes.DEMAND,
            fault(BOUNDED, output="sigmoid"),
            fault("unnormalized_target", data=partial(series.demand, megawatts=True)),
        ),
    )


def count() -> Cases:
    """Return too few or too many numbers."""
    few = "too_few_output_units|label_encoding|wrong_loss"
    words = read(20, 8, partial(layers.Conv1D, 12, 3, activation="gelu"))
    return (
        static(
            "one sigmoid for four activities",
            recipes.ACTIVITIES,
            fault(few, units=1, output="sigmoid", loss=BINARY),
        ),
        static(
            "one number for fifteen letters",
            recipes.LETTERS,
            fault(
                "classification_with_regression_loss|too_few_output_units",
                units=1,
                output="linear",
                loss="mse",
                metrics=("mae",),
            ),
        ),
        static(
            "no pooling behind amino acids",
            recipes.PEPTIDES,
            fault("too_many_output_units|label_shape_broadcast", body=words),
        ),
        static(
            "softmax over genres",
            recipes.GENRES,
            fault("exclusive_output_for_multilabel|wrong_loss", output="softmax", loss=ONE_HOT),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*one_unit(), *ported(), *cut(), *count())
