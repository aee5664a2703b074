"""Last layers that cannot give what is asked of them."""

from functools import partial

from keras import layers

from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.held_out.bodies import dense, function, read
from benchmarks.diagnosis.recipes import BINARY
from benchmarks.diagnosis.third_held_out import nets, recipes

BOUNDED, FEW = "bounded_output_for_unbounded_target", "too_few_output_units"
MANY = "too_many_output_units|label_shape_broadcast"
SOFTMAX = fault("softmax_one_unit", output="softmax")
LINEAR = fault("missing_output_activation", output="linear")
CUT = fault(f"relu_output|{BOUNDED}", output="relu")


def one_unit() -> Cases:
    """Return softmax over one number."""
    return (
        static("a softmax for each step of a valve", recipes.VALVES, SOFTMAX),
        static("a softmax for kind comments", recipes.COMMENTS, SOFTMAX),
        static("a softmax says who survived", recipes.PASSENGERS, SOFTMAX),
    )


def ported() -> Cases:
    """Return probabilities where logits were expected, or the other way round."""
    return (
        static("no softmax behind a U-Net", recipes.PIXELS, LINEAR),
        static("no softmax for parts of speech", recipes.SENTENCES, LINEAR),
    )


def cut() -> Cases:
    """Return outputs that end where targets go on."""
    return (
        static("ReLU over gestures", recipes.GESTURES, fault("relu_output", output="relu")),
        static("ReLU for a change of glucose", recipes.GLUCOSE, CUT),
        static(
            "sigmoid behind a decoder of temperatures",
            recipes.TEMPERATURES,
            fault(BOUNDED, body=function(partial(nets.decoded, end="sigmoid"))),
        ),
        static(
            "sigmoid for how strongly a protein binds",
            recipes.STRANDS,
            fault(BOUNDED, output="sigmoid"),
        ),
    )


def count() -> Cases:
    """Return too few or too many numbers."""
    return (
        static(
            "one sigmoid for six qualities",
            recipes.QUALITY,
            fault(f"{FEW}|label_encoding|wrong_loss", units=1, output="sigmoid", loss=BINARY),
        ),
        static(
            "one number for two yields",
            recipes.REACTION,
            fault(f"{FEW}|label_shape_broadcast", body=dense(48, 24), units=1),
        ),
        static(
            "two sigmoids for one answer, passengers",
            recipes.PASSENGERS,
            fault(f"{MANY}|label_encoding|wrong_loss", units=2),
        ),
        static(
            "all steps of a recurrence, alarms",
            recipes.ALARMS,
            fault(MANY, body=read(9, 6, partial(layers.GRU, 16, return_sequences=True))),
        ),
        static(
            "a softmax over emotions",
            recipes.EMOTIONS,
            fault("exclusive_output_for_multilabel", output="softmax"),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*one_unit(), *ported(), *cut(), *count())
