"""Networks through which too little comes: too deep, too small, frozen, or without a bend."""

from functools import partial

from keras import initializers, layers

from benchmarks.diagnosis import datasets, networks, odd_layers, recipes
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import adam, sgd

TINY = partial(initializers.RandomNormal, stddev=0.02)
SMALL = partial(initializers.RandomNormal, stddev=0.1)


def vanishing() -> Cases:
    """Return gradients that get lost on their way to the input."""
    name = "vanishing_gradient"
    deep = networks.mlp(*(16 * [16]), activation="sigmoid")
    remote = partial(datasets.first_sign, length=20)
    forgetful = networks.recurrent(
        layers.SimpleRNN, 12, activation="sigmoid", recurrent_initializer=SMALL
    )
    return (
        static("sixteen sigmoid layers, moons", recipes.MOONS, fault(name, body=deep)),
        static(
            "ten sigmoid layers with SGD, digits",
            recipes.DIGITS,
            fault(name, body=networks.mlp(*(10 * [32]), activation="sigmoid")),
        ),
        static(
            "eight sigmoid convolutions",
            recipes.DIGITS_CNN,
            fault(
                name, body=networks.cnn(8, 8, 8, 8, 8, 8, activation="sigmoid"), optimizer=sgd(0.1)
            ),
        ),
        static(
            "twelve tanh layers from tiny weights",
            recipes.SPIRALS,
            fault(
                name, body=networks.mlp(*(12 * [24]), activation="tanh", kernel_initializer=TINY)
            ),
        ),
        trained(
            "sigmoid recurrence over 20 steps",
            recipes.FIRST_SIGN_SIMPLE,
            fault(
                f"{name}|no_learning|constant_predictions",
                data=remote,
                body=forgetful,
                batch_size=64,
            ),
        ),
        static(
            "sixteen sigmoid layers, softmax over one unit",
            recipes.CIRCLES,
            fault(name, body=deep),
            fault("softmax_one_unit", output="softmax"),
        ),
        static(
            "twelve sigmoid layers and raw houses",
            recipes.HOUSES,
            fault(name, body=networks.mlp(*(12 * [16]), activation="sigmoid")),
            fault("unnormalized_input", data=partial(datasets.houses, scaled=False)),
        ),
    )


def underfitting() -> Cases:
    """Return networks that are too small for the task."""
    name = "underfitting"
    return (
        trained("one hidden unit for circles", recipes.CIRCLES, fault(name, body=networks.mlp(1))),
        trained("two hidden units for spirals", recipes.SPIRALS, fault(name, body=networks.mlp(2))),
        trained(
            "one filter for ten digits",
            recipes.DIGITS_CNN,
            fault(
                name,
                body=networks.chain(
                    partial(layers.Conv2D, 1, 3, 2, activation="relu"),
                    layers.GlobalAveragePooling2D,
                ),
            ),
        ),
        trained(
            "one hidden unit for several targets", recipes.PLANES, fault(name, body=networks.mlp(1))
        ),
    )


def straight() -> Cases:
    """Return hidden layers without an activation."""
    name = "no_nonlinearity"
    line = networks.mlp(32, 32, activation="linear")
    return (
        static("linear layers for circles", recipes.CIRCLES, fault(name, body=line)),
        static(
            "linear layers for spirals",
            recipes.SPIRALS,
            fault(name, body=networks.mlp(64, 64, 64, activation="linear")),
        ),
        static("linear layers for a curve", recipes.CURVE, fault(name, body=line)),
        static(
            "linear convolutions",
            recipes.SLANTS,
            fault(name, body=networks.cnn(8, 8, activation="linear")),
        ),
        static(
            "linear layers and no sigmoid",
            recipes.CIRCLES,
            fault(name, body=line),
            fault("missing_output_activation", output="linear"),
        ),
    )


def frozen() -> Cases:
    """Return layers that are not trained, or that no gradient reaches."""
    name = "frozen_layer"
    return (
        static(
            "a frozen narrow body, circles",
            recipes.CIRCLES,
            fault(name, trainable=False, body=networks.mlp(4, 4)),
        ),
        static("a frozen embedding", recipes.CONVOLVED_WORDS, fault(name, body=_frozen_words())),
        static(
            "frozen convolutions, stripes",
            recipes.STRIPES,
            fault(name, trainable=False, body=networks.pooled_cnn(1, 1)),
        ),
        trained(
            "a rounding in between",
            recipes.SPIRALS,
            fault(
                f"{name}|no_learning|vanishing_gradient",
                body=networks.chain(*_dense(12), odd_layers.Rounded),
            ),
        ),
        trained(
            "a stopped gradient, GRU",
            recipes.WAVES,
            fault(
                f"{name}|no_learning|vanishing_gradient",
                body=networks.chain(partial(layers.GRU, 3), odd_layers.Detached),
            ),
        ),
        static(
            "a frozen body, softmax over one unit",
            recipes.MOONS,
            fault(name, trainable=False, body=networks.mlp(3)),
            fault("softmax_one_unit", output="softmax"),
        ),
    )


def imbalanced() -> Cases:
    """Return layers of which one hardly moves while another does."""
    name = "imbalanced_updates|learning_rate_too_low|vanishing_gradient|slow_convergence"
    return (
        trained(
            "an embedding under plain SGD",
            recipes.TOPICS,
            fault(name, optimizer=sgd(0.05)),
        ),
        trained(
            "signals made small in between",
            recipes.SPIRALS,
            fault(
                name,
                body=networks.chain(*_dense(32, 32), partial(odd_layers.Scaled, 1e-3), *_dense(32)),
                optimizer=sgd(0.1, 0.9),
            ),
        ),
    )


def constant() -> Cases:
    """Return networks whose outputs do not depend on their inputs."""
    name = "constant_predictions|no_learning|vanishing_gradient"
    return (
        trained(
            "normalization of a single unit",
            recipes.MOONS,
            fault(
                name,
                body=networks.chain(
                    *_dense(32),
                    partial(layers.Dense, 1),
                    partial(layers.LayerNormalization, axis=-1),
                ),
            ),
        ),
        trained(
            "simple recurrence behind 22 zeros of padding",
            recipes.classifier(
                "RNN",
                partial(datasets.padded, front=True, length=30),
                networks.embedded(61, 12, partial(layers.GRU, 12)),
                0.8,
                epochs=8,
            ),
            fault(
                f"{name}|bad_data",
                data=partial(datasets.padded, front=False, length=30),
                body=networks.embedded(61, 12, _forgetful),
                optimizer=adam(3e-3),
            ),
        ),
        trained(
            "mean over the normalized axis",
            recipes.DIGITS_SPARSE,
            fault(
                name,
                body=networks.chain(
                    *_dense(32),
                    layers.LayerNormalization,
                    partial(layers.Reshape, (32, 1)),
                    layers.GlobalAveragePooling1D,
                ),
            ),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (
        *vanishing(),
        *underfitting(),
        *straight(),
        *frozen(),
        *imbalanced(),
        *constant(),
    )


def _dense(*widths: int) -> list[partial]:
    return [partial(layers.Dense, width, "relu") for width in widths]


def _forgetful() -> layers.Layer:
    return layers.SimpleRNN(12, recurrent_initializer=SMALL())


def _frozen_words() -> networks.Body:
    return networks.embedded(
        80,
        2,
        partial(layers.Conv1D, 24, 3, activation="relu"),
        layers.GlobalMaxPooling1D,
        trainable=False,
    )
