"""The signal before the first update: dead, saturated, growing, fading, lost; and usual ones."""

import keras
import numpy as np
import pytest
from keras import initializers, layers

from keras_trainkit.diagnosis import (
    ArrayFacts,
    Facts,
    LayerFacts,
    OutputFacts,
    SignalFacts,
    Thresholds,
    TrialFacts,
    preflight,
)
from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static import signals

X = np.random.default_rng(0).normal(size=(40, 6, 4)).astype("float32")
Y = (X[:, 0, :1] > 0).astype("float32")


def found(layers=(), **trial):
    case = Case(Facts(layers, trial=TrialFacts(8, **trial)), Thresholds())
    return [(f.name, f.severity) for rule in signals.RULES for f in rule(case)]


def layers_of(count, activation="sigmoid", **last):
    hidden = [LayerFacts(f"hidden_{i}", "Dense", 8, activation) for i in range(count)]
    return (*hidden, LayerFacts("output", "Dense", 2, "softmax", **last))


OFF = initializers.Constant(-30.0)
LOST = [("vanishing_gradient", "warning")]


@pytest.mark.host
@pytest.mark.parametrize(
    ("layers", "spread", "expected"),
    [
        (layers_of(5), 0.0, LOST),
        (layers_of(5, "tanh"), 1e-8, LOST),
        (layers_of(5), 1e-3, []),
        (layers_of(1), 0.0, []),
        (layers_of(5, "relu"), 0.0, []),
        (layers_of(5, constant_kernel=True), 0.0, []),
        (layers_of(5, momentum=0.99), 0.0, []),
    ],
)
def test_rows_that_are_all_the_same_at_the_output(layers, spread, expected):
    assert found(layers, spread=spread) == expected


@pytest.mark.host
@pytest.mark.parametrize(("units", "expected"), [(8, "constant_predictions"), (1, None)])
def test_a_narrow_layer_may_be_off_for_a_few_rows(units, expected):
    hidden = LayerFacts("hidden", "Dense", units, "relu", fan_in=4, parameters=5 * units)
    head = LayerFacts("output", "Dense", 2, "softmax", fan_in=units, parameters=3 * units)
    facts = Facts(
        layers=(hidden, head),
        outputs=(OutputFacts("output", "softmax", (2,)),),
        trial=TrialFacts(8, spread=0.0),
    )
    names = [f.condition for f in signals.lost_signal(Case(facts, Thresholds()))]
    assert names == ([expected] if expected else [])


@pytest.mark.host
@pytest.mark.parametrize(("factor", "expected"), [(3.0, 1), (2.0, 0), (1.0, 0)])
def test_weights_that_triple_the_signal_in_each_of_four_layers_are_large(factor, expected):
    hidden = [
        LayerFacts(f"hidden_{i}", "Dense", 8, "leaky_relu", parameters=72, fan_in=8)
        for i in range(4)
    ]
    head = LayerFacts("output", "Dense", 2, "softmax", parameters=18, fan_in=8)
    made = tuple(SignalFacts(each.path, factor**i) for i, each in enumerate(hidden))
    facts = Facts(
        layers=(*hidden, head),
        outputs=(OutputFacts("output", "softmax", (2,)),),
        inputs=(ArrayFacts("x", (9, 8), "float32", 9, scales=(1.0, 1.0, 1.0)),),
        trial=TrialFacts(9, spread=0.1, signals=made),
    )
    names = [f.detail for f in signals.growing_signal(Case(facts, Thresholds()))]
    assert names == expected * ["large_initial_weights"]


def network(*stack):
    model = keras.Sequential(
        [keras.Input((6, 4)), *stack, layers.Flatten(), layers.Dense(1, "sigmoid")], name="network"
    )
    model.compile("adam", "binary_crossentropy")
    return model


def drawn(scale):
    return initializers.RandomNormal(stddev=scale, seed=1)


def dense(count, activation="relu", **arguments):
    return [layers.Dense(16, activation, name=f"d{i}", **arguments) for i in range(count)]


def normalized(normalization):
    stack = dense(5, None, kernel_initializer=drawn(2.0))
    return [layer for each in stack for layer in (each, normalization(), layers.ReLU())]


class Scaled(layers.Layer):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def call(self, inputs):
        return self.scale * inputs


USUAL = {
    "halved": lambda: [*dense(1), Scaled(0.5), layers.Dense(16, "relu")],
    "small on its way to a normalization": lambda: [
        *dense(2),
        Scaled(1e-5),
        layers.LayerNormalization(epsilon=1e-14),
        layers.Dense(16, "relu"),
    ],
    "a few units that are off": lambda: [
        *dense(1),
        layers.Dense(2, "relu", bias_initializer=OFF, name="narrow"),
    ],
    "ReLU": lambda: dense(8),
    "tanh": lambda: dense(5, "tanh"),
    "some dead units": lambda: dense(2, bias_initializer=initializers.Constant(-0.3)),
    "large weights of one layer": lambda: dense(1, kernel_initializer=drawn(1.0)),
    "small weights of one layer": lambda: dense(1, kernel_initializer=drawn(1e-3)),
    "batch normalization": lambda: normalized(layers.BatchNormalization),
    "layer normalization": lambda: normalized(layers.LayerNormalization),
    "recurrent": lambda: [layers.LSTM(8, return_sequences=True), layers.GRU(8)],
}
ODD = {
    "dead": (
        lambda: [*dense(1), layers.Dense(8, "relu", bias_initializer=OFF, name="off")],
        ("dead_units", "off"),
    ),
    "dead behind an activation layer": (
        lambda: [
            layers.Dense(8, bias_initializer=OFF, name="before"),
            layers.ReLU(name="off"),
        ],
        ("dead_units", "off"),
    ),
    "saturated": (
        lambda: dense(1, "tanh", kernel_initializer=drawn(50.0)),
        ("large_initial_weights", "d0"),
    ),
    "a saturated recurrence": (
        lambda: [layers.SimpleRNN(12, recurrent_initializer=drawn(10.0), name="rnn")],
        ("large_initial_weights", "rnn/simple_rnn_cell"),
    ),
    "growing in circles": (
        lambda: [
            layers.SimpleRNN(
                12,
                "relu",
                recurrent_initializer=initializers.Identity(gain=9.0),
                name="rnn",
            )
        ],
        ("large_initial_weights", "rnn/simple_rnn_cell"),
    ),
    "growing": (
        lambda: dense(8, kernel_initializer=drawn(1.0)),
        ("large_initial_weights", "d0"),
    ),
    "fading": (
        lambda: dense(6, kernel_initializer=drawn(0.01)),
        ("vanishing_gradient", "d0"),
    ),
    "fading in a layer of one's own": (
        lambda: [*dense(2), Scaled(1e-5), layers.Dense(16, "relu")],
        ("vanishing_gradient", "d0"),
    ),
    "cut in a layer of one's own": (
        lambda: [*dense(1), Scaled(1e-3), layers.Dense(16, "relu")],
        ("vanishing_gradient", "d0"),
    ),
}


SEEN = ("dead_units", "saturated_units", "exploding_gradient", "vanishing_gradient")


def conditions(model):
    return [
        f.condition
        for f in preflight(model, X, Y, epochs=50, one_batch=False)
        if f.condition in SEEN
    ]


@pytest.mark.parametrize("stack", USUAL.values(), ids=USUAL)
def test_usual_beginnings_are_no_findings(stack):
    keras.utils.set_random_seed(0)
    assert conditions(network(*stack())) == []


@pytest.mark.parametrize(("stack", "expected"), ODD.values(), ids=ODD)
def test_odd_beginnings_are_seen_where_they_are(stack, expected):
    keras.utils.set_random_seed(0)
    first = preflight(network(*stack()), X, Y, epochs=50, one_batch=False)[0]
    assert (first.name, first.where.removeprefix("network/")) == expected


@pytest.mark.parametrize(
    ("count", "activation", "code"),
    [(3, "sigmoid", "relu"), (2, "sigmoid", "sigmoid"), (3, "tanh", "tanh")],
)
def test_a_stack_of_sigmoids_gets_other_activations_with_its_weights(count, activation, code):
    model = network(*dense(count, activation, kernel_initializer=drawn(50.0)))
    first = preflight(model, X, Y, epochs=50, one_batch=False)[0]
    assert first.name == "large_initial_weights"
    assert f'activation="{code}"' in first.remedies[0].code


def test_the_remedy_is_of_the_layer_with_the_kernel():
    keras.utils.set_random_seed(0)
    model = network(*ODD["dead behind an activation layer"][0]())
    first = preflight(model, X, Y, epochs=50, one_batch=False)[0]
    mended = first.remedies[0].apply(model)
    assert conditions(mended) == []


def test_an_output_that_begins_with_zeros_is_another_matter():
    off = layers.Dense(16, "relu", bias_initializer=OFF)
    model = keras.Sequential([keras.Input((6, 4)), layers.Flatten(), *dense(1), off])
    model.compile("adam", "mse")
    assert conditions(model) == []
