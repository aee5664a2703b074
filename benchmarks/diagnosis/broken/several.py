"""Several faults at once, each a root of its own."""

from functools import partial

from keras import initializers, layers, regularizers

from benchmarks.diagnosis import datasets, networks, odd_layers, recipes, spoils
from benchmarks.diagnosis.case import Cases, fault, static
from benchmarks.diagnosis.recipes import adam

LINEAR = fault("missing_output_activation", output="linear")
SOFTMAX_ONE = fault("softmax_one_unit", output="softmax")
SIGMOID = fault("bounded_output_for_unbounded_target", output="sigmoid")
TOO_LOW = fault("learning_rate_too_low|too_few_updates", optimizer=adam(1e-6))
BRIGHT = fault("unnormalized_input", spoils=(spoils.inputs_times(255.0),))
DIVIDED = fault("label_encoding", spoils=(spoils.labels_times(1 / 255),))
PRICES = fault("unnormalized_target", data=partial(datasets.houses, scaled_target=False))


def heads_and_rates() -> Cases:
    """Return wrong heads with rates or plans that would fail by themselves."""
    few = fault("too_few_updates|learning_rate_too_low|slow_convergence", batch_size=256, epochs=2)
    return (
        static("no softmax and a rate far too low, waves", recipes.WAVES, LINEAR, TOO_LOW),
        static(
            "softmax over one unit and Adam(.5), transformer",
            recipes.TRANSFORMER,
            SOFTMAX_ONE,
            fault("learning_rate_too_high", optimizer=adam(0.5)),
        ),
        static(
            "softmax over tags and a rate far too low",
            recipes.TAGS,
            fault("exclusive_output_for_multilabel", output="softmax"),
            TOO_LOW,
        ),
        static("prices in raw units and two epochs", recipes.HOUSES, PRICES, few),
        static("sigmoid for values and two epochs", recipes.PLANES, SIGMOID, few),
        static(
            "own squared error of (N,) and a rate far too low",
            recipes.FORECAST,
            fault(
                "label_shape_broadcast",
                loss=odd_layers.OwnSquaredError,
                spoils=(spoils.flat_targets,),
            ),
            TOO_LOW,
        ),
    )


def heads_and_data() -> Cases:
    """Return wrong heads with data that would fail by itself."""
    return (
        static("no softmax, pixels up to 255 and SGD", recipes.DIGITS, LINEAR, BRIGHT),
        static("no softmax and labels / 255, stripes", recipes.STRIPES, LINEAR, DIVIDED),
        static(
            "no softmax and validation images black for white",
            recipes.DIGITS_CNN,
            LINEAR,
            fault("validation_mismatch", spoils=(spoils.validation_times(-1.0, 1.0),)),
        ),
        static(
            "softmax over one unit and standardized labels",
            recipes.CANCER_SGD,
            SOFTMAX_ONE,
            fault("label_encoding", spoils=(spoils.standardized_labels,)),
        ),
        static(
            "NaN and a ReLU for a probability",
            recipes.CIRCLES,
            fault("bad_data|non_finite", spoils=(spoils.missing(0.01),)),
            fault("relu_output", output="relu"),
        ),
        static(
            "tokens / 80 and labels / 255",
            recipes.TOPICS,
            fault("truncated_tokens", spoils=(spoils.inputs_times(1 / 80),)),
            DIVIDED,
        ),
        static(
            "rows rolled along the batch, softmax over one unit",
            recipes.MOONS,
            SOFTMAX_ONE,
            fault(
                "dependent_examples",
                body=networks.chain(partial(layers.Dense, 32, "relu"), odd_layers.MixedRows),
            ),
        ),
    )


def networks_and_others() -> Cases:
    """Return wrong networks with other faults."""
    straight = "no_nonlinearity"
    l2 = regularizers.L2(1.0)
    return (
        static(
            "linear layers and a rate far too low",
            recipes.MOONS,
            fault(straight, body=networks.mlp(32, 32, activation="linear")),
            TOO_LOW,
        ),
        static(
            "linear layers and columns around 500",
            recipes.PLANES,
            fault(straight, body=networks.mlp(48, 24, activation="linear")),
            fault("unnormalized_input", spoils=(spoils.inputs_times(100.0, 500.0),)),
        ),
        static(
            "L2 of 1 and no softmax",
            recipes.DIGITS_SPARSE,
            fault(
                "excess_regularization",
                body=networks.mlp(64, 32, kernel_regularizer=l2),
                head={"kernel_regularizer": l2},
            ),
            LINEAR,
        ),
        static(
            "biases of -10 and no softmax",
            recipes.STRIPES_SGD,
            fault(
                "dead_units",
                body=networks.cnn(8, 12, bias_initializer=initializers.Constant(-10.0)),
            ),
            LINEAR,
        ),
        static(
            "kernels of zeros and labels of -1 and 1",
            recipes.CANCER,
            fault(
                "symmetric_weights",
                body=networks.mlp(16, 8, kernel_initializer="zeros"),
                head={"kernel_initializer": "zeros"},
            ),
            fault("label_encoding", spoils=(spoils.labels_times(2, -1),)),
        ),
        static(
            "sorted digits and validation_split, frozen and narrow",
            recipes.DIGITS_SPARSE,
            fault(
                "unshuffled_split|validation_mismatch",
                spoils=(spoils.sorted_by_class,),
                split=0.25,
                validated=False,
            ),
            fault("frozen_layer", body=networks.mlp(4, 4), trainable=False),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*heads_and_rates(), *heads_and_data(), *networks_and_others())
