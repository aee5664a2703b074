"""Weights from which a training cannot begin."""

from functools import partial

from keras import initializers, layers

from benchmarks.diagnosis import networks, odd_layers, recipes
from benchmarks.diagnosis.case import Cases, fault, static, trained
from benchmarks.diagnosis.recipes import adam, sgd


def symmetric() -> Cases:
    """Return units that begin alike and stay alike."""
    name = "symmetric_weights"
    return (
        static(
            "kernels of zeros, digits",
            recipes.DIGITS,
            fault(
                name,
                body=networks.mlp(64, 32, kernel_initializer="zeros"),
                head={"kernel_initializer": "zeros"},
            ),
        ),
        static(
            "kernels of ones, spirals",
            recipes.SPIRALS,
            fault(
                name,
                body=networks.mlp(64, 64, kernel_initializer=initializers.Constant(0.05)),
                head={"kernel_initializer": "zeros"},
            ),
        ),
        static(
            "constant kernels of convolutions",
            recipes.DIGITS_CNN,
            fault(
                name,
                body=networks.chain(*(2 * [_alike]), layers.GlobalAveragePooling2D),
            ),
        ),
        static(
            "constant kernels with tanh, circles",
            recipes.CIRCLES,
            fault(
                name,
                body=networks.mlp(
                    16, 16, activation="tanh", kernel_initializer=initializers.Constant(0.3)
                ),
                head={"kernel_initializer": initializers.Constant(0.3)},
            ),
        ),
        static(
            "kernels of zeros and a sigmoid for values",
            recipes.FRIEDMAN,
            fault(
                name,
                body=networks.mlp(48, 24, kernel_initializer="zeros"),
                head={"kernel_initializer": "zeros"},
            ),
            fault("bounded_output_for_unbounded_target", output="sigmoid"),
        ),
    )


def exploding() -> Cases:
    """Return weights that make signals and gradients grow with every layer."""
    name = "exploding_gradient|large_initial_weights"
    wide = partial(initializers.RandomNormal, stddev=0.6)
    return (
        static(
            "eight ReLU layers from N(0, .6), Friedman",
            recipes.FRIEDMAN,
            fault(
                name,
                body=networks.mlp(*(8 * [48]), kernel_initializer=wide),
                optimizer=sgd(0.01),
            ),
        ),
        static(
            "eight ReLU layers from N(0, .6), digits",
            recipes.DIGITS,
            fault(name, body=networks.mlp(*(8 * [64]), kernel_initializer=wide)),
        ),
        static(
            "convolutions from N(0, 1)",
            recipes.STRIPES_SGD,
            fault(
                name,
                body=networks.cnn(
                    12,
                    12,
                    12,
                    12,
                    dense=16,
                    kernel_initializer=partial(initializers.RandomNormal, stddev=1.0),
                ),
            ),
        ),
        static(
            "a recurrent kernel of three times the identity",
            recipes.FORECAST,
            fault(
                name,
                body=networks.recurrent(
                    layers.SimpleRNN,
                    16,
                    activation="relu",
                    recurrent_initializer=initializers.Identity(3.0),
                ),
                optimizer=sgd(0.01),
            ),
        ),
        static(
            "eight ReLU layers from N(0, .6), no softmax",
            recipes.DIGITS_SPARSE,
            fault(
                name, body=networks.mlp(*(8 * [64]), kernel_initializer=wide), optimizer=sgd(0.1)
            ),
            fault("missing_output_activation", output="linear"),
        ),
    )


def dead() -> Cases:
    """Return ReLUs that are never on."""
    name = "dead_units"
    off = initializers.Constant(-4.0)
    return (
        static(
            "biases of -4, blobs",
            recipes.BLOBS,
            fault(name, body=networks.mlp(32, 32, bias_initializer=off)),
        ),
        static(
            "a second convolution with biases of -3",
            recipes.DIGITS_CNN,
            fault(
                name,
                body=networks.chain(
                    partial(layers.Conv2D, 12, 3, activation="relu"),
                    partial(
                        layers.Conv2D,
                        16,
                        3,
                        2,
                        activation="relu",
                        bias_initializer=initializers.Constant(-3.0),
                    ),
                    layers.Flatten,
                ),
            ),
        ),
        static(
            "biases of -4 behind an LSTM",
            recipes.FIRST_SIGN,
            fault(
                name,
                body=networks.chain(
                    partial(layers.LSTM, 12),
                    partial(layers.Dense, 16, "relu", bias_initializer=off),
                ),
            ),
        ),
        static(
            "biases of -10, prices of houses",
            recipes.HOUSES,
            fault(
                name,
                body=networks.mlp(32, 16, bias_initializer=initializers.Constant(-10.0)),
            ),
        ),
        static(
            "biases of -10, softmax over one unit",
            recipes.MOONS,
            fault(name, body=networks.mlp(32, bias_initializer=initializers.Constant(-10.0))),
            fault("softmax_one_unit", output="softmax"),
        ),
    )


def saturated() -> Cases:
    """Return units that stand at their bounds from the beginning."""
    name = "saturated_units"
    large = partial(initializers.RandomNormal, stddev=10.0)
    return (
        static(
            "four tanh layers from N(0, 10), digits",
            recipes.DIGITS,
            fault(
                f"{name}|exploding_gradient",
                body=networks.mlp(64, 64, 64, 64, activation="tanh", kernel_initializer=large),
                optimizer=sgd(0.01),
            ),
        ),
        static(
            "three sigmoid layers from N(0, 10), Friedman",
            recipes.FRIEDMAN,
            fault(
                f"{name}|exploding_gradient",
                body=networks.mlp(48, 48, 48, activation="sigmoid", kernel_initializer=large),
                optimizer=adam(1e-3),
            ),
        ),
        static(
            "a simple recurrence from N(0, 10)",
            recipes.WAVES,
            fault(
                f"{name}|exploding_gradient",
                body=networks.recurrent(
                    layers.SimpleRNN, 16, kernel_initializer=large, recurrent_initializer=large
                ),
                optimizer=adam(1e-3),
            ),
        ),
    )


def roots() -> Cases:
    """Return a layer whose derivative is infinite."""
    return (
        trained(
            "a square root of what is positive",
            recipes.BLOBS,
            fault(
                "non_finite",
                body=networks.chain(partial(layers.Dense, 32), odd_layers.UnguardedRoot),
            ),
        ),
        trained(
            "a square root of convolutions",
            recipes.STRIPES,
            fault(
                "non_finite",
                body=networks.chain(
                    partial(layers.Conv2D, 8, 3),
                    odd_layers.UnguardedRoot,
                    layers.GlobalAveragePooling2D,
                ),
            ),
        ),
    )


def cases() -> Cases:
    """Return all of them."""
    return (*symmetric(), *exploding(), *dead(), *saturated(), *roots())


def _alike() -> layers.Layer:
    kernel = initializers.Constant(0.05)
    return layers.Conv2D(12, 3, activation="relu", kernel_initializer=kernel)
