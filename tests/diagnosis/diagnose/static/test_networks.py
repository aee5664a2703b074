"""Faults of networks, rates and plans."""

import dataclasses

import pytest

from keras_trainkit.diagnosis import LayerFacts, OptimizerFacts, PlanFacts
from tests.diagnosis.made_facts import (
    BITS,
    NUMBERS,
    ROWS,
    X,
    alarms,
    dense,
    diagnosed,
    found,
    mlp,
    one,
    training,
)

pytestmark = pytest.mark.host

NAN = float("nan")

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


def bits(**rest):
    return training("sigmoid", BINARY, BITS, **rest)


def of_layers(*layers, **rest):
    return bits(layers=(*layers, dense("head", 1, 16, "sigmoid")), **rest)


def adam(rate, **rest):
    return OptimizerFacts("Adam", rate, adaptive=True, **rest)


def plan(epochs, batch_size=20):
    steps = -(-ROWS // batch_size)
    return PlanFacts(rows=ROWS, batch_size=batch_size, epochs=epochs, steps=steps)


def normalized(momentum=0.99, shape=(16,), **changes):
    return LayerFacts("norm", "BatchNormalization", 16, "", shape, 64, momentum=momentum, **changes)


def test_no_nonlinearity():
    finding = one(bits(hidden=("linear", "linear")))
    assert (finding.name, finding.severity) == ("no_nonlinearity", "warning")
    assert finding.remedies[0].code == (
        '# dense_0 to dense_1: 2 layers\nkeras.layers.Dense(16, activation="relu")'
    )
    paths = [change["path"] for change in finding.remedies[0].change["changes"]]
    assert paths == ["dense_0", "dense_1"]


@pytest.mark.parametrize(
    ("linear", "curved", "severity"),
    [
        (0.9, 0.99, "info"),
        (0.4, 0.42, "info"),
        (0.4, 0.6, "warning"),
        (0.01, 0.02, "warning"),
        (0.4, NAN, "warning"),
        (NAN, NAN, "warning"),
    ],
)
def test_linear_layers_are_enough_for_what_is_linear(linear, curved, severity):
    facts = bits(hidden=("linear",))
    facts = dataclasses.replace(facts, linear_skill=linear, curved_skill=curved)
    assert one(facts).severity == severity


@pytest.mark.parametrize(
    "facts",
    [
        bits(hidden=()),
        bits(hidden=("linear", "relu")),
        of_layers(dense("d", 16, 8, "linear"), LayerFacts("relu", "ReLU", 16, "relu", (16,))),
        of_layers(dense("d", 16, 8, "linear"), LayerFacts("own", "Gate", 16, "", (16,))),
    ],
)
def test_some_nonlinearity(facts):
    assert not diagnosed(facts)


@pytest.mark.parametrize("strength", [{"l2": 0.5}, {"l1": 0.1}])
def test_excess_regularization(strength):
    finding = one(of_layers(dense("d", 16, 8, **strength)))
    assert (finding.name, finding.severity, finding.where) == (
        "excess_regularization",
        "warning",
        "d",
    )


def test_dropout_and_decay():
    drops = LayerFacts("dropout", "Dropout", 16, "", (16,), rate=0.9)
    finding = one(of_layers(dense("d", 16, 8), drops))
    assert (finding.name, finding.remedies[0].code) == (
        "excess_regularization",
        "keras.layers.Dropout(0.3)",
    )
    assert one(bits(optimizer=adam(0.01, weight_decay=20))).name == "excess_regularization"


@pytest.mark.parametrize(
    "facts",
    [
        of_layers(dense("d", 16, 8, l2=0.01)),
        of_layers(dense("d", 16, 8), LayerFacts("dropout", "Dropout", 16, "", (16,), rate=0.5)),
        bits(optimizer=adam(0.01, weight_decay=0.1)),
        training(
            "linear",
            "mse",
            5 * NUMBERS,
            layers=(dense("d", 16, 8, l2=0.1), dense("head", 1, 16, "linear")),
        ),
    ],
)
def test_mild_regularization(facts):
    assert not diagnosed(facts)


ZEROS = {"constant_kernel": True, "initializer": "Zeros"}
ONES = {"constant_kernel": True, "initializer": "Ones"}


@pytest.mark.parametrize(
    ("layers", "severity"),
    [
        ((dense("d", 16, 8, "tanh", **ONES), dense("head", 1, 16, "sigmoid", **ONES)), "error"),
        ((dense("d", 16, 8, **ZEROS), dense("head", 1, 16, "sigmoid")), "error"),
        ((dense("d", 16, 8, "tanh", **ONES), dense("head", 1, 16, "sigmoid")), "warning"),
    ],
)
def test_symmetric_weights(layers, severity):
    finding = one(bits(layers=layers))
    assert (finding.name, finding.severity, finding.where) == ("symmetric_weights", severity, "d")
    assert 'kernel_initializer="glorot_uniform"' in finding.remedies[0].code


@pytest.mark.parametrize(
    "layers",
    [
        (dense("d", 16, 8), dense("head", 1, 16, "sigmoid", **ZEROS)),
        (dense("d", 1, 8, **ONES), dense("head", 1, 1, "sigmoid")),
        (
            dense("d", 16, 8),
            dense("branch", 16, 16, "tanh", **ZEROS),
            LayerFacts("add", "Add", 16, "", (16,)),
            dense("head", 1, 16, "sigmoid"),
        ),
    ],
)
def test_constant_weights_that_are_usual(layers):
    assert not diagnosed(bits(layers=layers))


def test_frozen_layers():
    still = {"trainable": False}
    all_still = (dense("d", 16, 8, **still), dense("head", 1, 16, "sigmoid", **still))
    assert one(bits(layers=all_still)).severity == "error"
    lonely = (dense("d", 16, 8), dense("head", 1, 16, "sigmoid", **still))
    finding = one(bits(layers=lonely))
    assert (finding.name, finding.severity, finding.where) == ("frozen_layer", "warning", "head")
    assert finding.remedies[0].change["config"] == {"trainable": True}


def test_frozen_body_that_is_too_small_to_be_another_networks():
    layers = (dense("d", 16, 8, trainable=False), dense("head", 1, 16, "sigmoid"))
    assert one(bits(layers=layers)).severity == "warning"


@pytest.mark.parametrize("fixed", [(0,), (0, 1), (1, 2)])
def test_frozen_front_or_judge_is_a_note(fixed):
    layers = mlp(1, "sigmoid", hidden=("relu",) * 2)
    layers = [
        dense(e.path, e.units, e.fan_in, e.activation, trainable=i not in fixed, parameters=5000)
        for i, e in enumerate(layers)
    ]
    assert one(bits(layers=tuple(layers))).severity == "info"
    drawn = [dataclasses.replace(e, as_drawn=not e.trainable) for e in layers]
    finding = one(bits(layers=tuple(drawn)))
    assert finding.severity == "info"
    assert "as drawn" in finding.text


def test_deep_sigmoids():
    slow = OptimizerFacts("SGD", 0.1)
    finding = one(bits(hidden=("sigmoid",) * 6, optimizer=slow))
    assert (finding.name, finding.severity) == ("vanishing_gradient", "warning")
    assert finding.remedies[0].code == (
        "# dense_0 to dense_5: 6 layers\n"
        'keras.layers.Dense(16, activation="relu", kernel_initializer="he_normal")'
    )
    assert alarms(bits(hidden=("sigmoid",) * 6)) == set()
    assert not diagnosed(bits(hidden=("sigmoid",) * 3, optimizer=slow))
    assert not diagnosed(bits(hidden=("tanh",) * 8, optimizer=slow))


@pytest.mark.parametrize(("optimizer", "severity"), [(adam(0.5), "warning"), (adam(10.0), "error")])
def test_learning_rate_too_high_of_adam(optimizer, severity):
    finding = one(bits(optimizer=optimizer))
    assert (finding.name, finding.severity) == ("learning_rate_too_high", severity)
    measured, lower, _ = finding.remedies
    assert measured.code.splitlines()[1] == "found = find_learning_rate(model, x, y, batch_size=20)"
    assert lower.change == {"kind": "compile", "learning_rate": 0.001}
    assert lower.code == (
        'model.compile(keras.optimizers.Adam(learning_rate=0.001), loss="binary_crossentropy")'
    )


def test_learning_rate_too_high_of_gradient_descent():
    facts = training("linear", "mse", NUMBERS, optimizer=OptimizerFacts("SGD", 2.0))
    assert one(facts).severity == "error"
    assert one(bits(optimizer=OptimizerFacts("SGD", 1.0, momentum=0.9))).severity == "warning"


@pytest.mark.parametrize(
    "facts",
    [
        bits(optimizer=adam(0.1)),
        bits(optimizer=adam(0.3)),
        bits(optimizer=OptimizerFacts("SGD", 1.0)),
        bits(optimizer=OptimizerFacts("Adadelta", 1.0, adaptive=True)),
        bits(optimizer=OptimizerFacts("Adagrad", 0.05, adaptive=True)),
        training("linear", "mse", NUMBERS, optimizer=OptimizerFacts("SGD", 0.1)),
        bits(optimizer=adam(10.0, scheduled=True)),
    ],
)
def test_high_rates_that_are_usual(facts):
    assert not diagnosed(facts)


@pytest.mark.parametrize(
    "optimizer",
    [
        adam(1e-6),
        adam(0.0),
        OptimizerFacts("SGD", 1e-5),
        OptimizerFacts("Adadelta", 0.001, adaptive=True),
        OptimizerFacts("Adagrad", 0.001, adaptive=True),
        OptimizerFacts("Adagrad", 1e-4, adaptive=True),
    ],
)
def test_learning_rate_too_low(optimizer):
    finding = one(bits(optimizer=optimizer))
    assert (finding.name, finding.severity) == ("learning_rate_too_low", "warning")
    assert finding.remedies[1].change["learning_rate"] > optimizer.learning_rate


@pytest.mark.parametrize("optimizer", [adam(0.001), OptimizerFacts("SGD", 0.01)])
def test_too_few_updates(optimizer):
    finding = one(bits(optimizer=optimizer, plan=plan(2)))
    assert (finding.name, finding.severity) == ("too_few_updates", "warning")
    assert finding.remedies[0].change["epochs"] > 10
    assert finding.evidence[1].value == 40


def test_low_rate_and_few_updates_stand_side_by_side():
    facts = bits(optimizer=adam(1e-6), plan=plan(1))
    names = {finding.name for finding in diagnosed(facts)}
    assert names == {"learning_rate_too_low", "too_few_updates"}


@pytest.mark.parametrize(
    "facts",
    [
        bits(optimizer=adam(0.001)),
        bits(optimizer=adam(0.05), plan=plan(2)),
        bits(optimizer=OptimizerFacts("SGD", 0.1, momentum=0.9), plan=plan(1)),
        of_layers(dense("d", 16, 8, parameters=2_000_000), optimizer=adam(1e-5), plan=plan(3)),
    ],
)
def test_ways_that_are_long_enough(facts):
    assert not diagnosed(facts)


def test_small_normalized_batches():
    def batches(size, shape=(16,)):
        return of_layers(dense("d", 16, 8), normalized(shape=shape), plan=plan(50, size))

    assert (one(batches(1)).name, one(batches(1)).severity) == ("too_small_batch", "error")
    assert one(batches(4)).severity == "warning"
    assert not diagnosed(batches(16))
    assert not diagnosed(batches(1, (6, 6, 16)))
    assert not diagnosed(bits(plan=plan(50, 1)))


def test_moving_statistics_behind():
    facts = of_layers(dense("d", 16, 8), normalized(), plan=plan(2), optimizer=adam(0.05))
    finding = one(facts)
    assert (finding.name, finding.severity) == ("moving_statistics_behind", "warning")
    assert finding.remedies[0].code == "keras.layers.BatchNormalization(momentum=0.89)"
    assert 0.89**40 < 0.01 < 0.9**40


@pytest.mark.parametrize(
    ("layer", "epochs"),
    [(normalized(), 50), (normalized(0.9), 2), (normalized(trainable=False), 2)],
)
def test_moving_statistics_in_time(layer, epochs):
    facts = of_layers(dense("d", 16, 8), layer, plan=plan(epochs), optimizer=adam(0.05))
    assert alarms(facts) == set()


def test_independent_faults_stand_side_by_side():
    facts = training(
        "softmax", BINARY, BITS, x=100 * X, optimizer=adam(1e-6), hidden=("linear", "linear")
    )
    names = {finding.name for finding in diagnosed(facts)}
    assert names == {
        "softmax_one_unit",
        "unnormalized_input",
        "learning_rate_too_low",
        "no_nonlinearity",
    }
    assert diagnosed(facts)[0].name == "softmax_one_unit"
    assert found(facts, "unnormalized_input").remedies


@pytest.mark.parametrize(("lasts", "names"), [(0.05, ["too_few_updates"]), (0.6, []), (1.0, [])])
def test_a_schedule_that_ends_long_before_the_training(lasts, names):
    optimizer = OptimizerFacts("Adam", 0.01, scheduled=True, adaptive=True, lasts=lasts)
    found = diagnosed(bits(optimizer=optimizer))
    assert [finding.name for finding in found] == names
    assert all("learning_rate=0.01" in finding.remedies[0].code for finding in found)


@pytest.mark.parametrize("kind", ["LayerNormalization", "RMSNormalization"])
def test_a_normalization_of_one_unit_makes_the_same_of_everything(kind):
    def after(units):
        norm = LayerFacts("norm", kind, units, shape=(units,))
        return bits(layers=(dense("in", units, 8), norm, dense("head", 1, units, "sigmoid")))

    first = diagnosed(after(1))[0]
    assert (first.name, first.severity, first.where) == ("constant_predictions", "error", "norm")
    assert first.remedies[0].change["class"] == "Identity"
    assert not diagnosed(after(4))
    joined = after(1)
    add = LayerFacts("add", "Add", 1, "", (1,))
    joined = dataclasses.replace(joined, layers=(*joined.layers[:2], add, joined.layers[2]))
    assert [finding.severity for finding in diagnosed(joined)] == ["info"]
    of_two = [finding.severity for finding in diagnosed(after(2))]
    assert of_two == (["warning"] if kind == "LayerNormalization" else [])


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh"])
def test_a_penalty_is_measured_beside_the_loss_of_whatever_distance(loss):
    def penalized(l2):
        layers = (dense("in", 16, 8, l2=l2), dense("head", 1, 16, "linear"))
        return training("linear", loss, NUMBERS, layers=layers)

    assert [finding.name for finding in diagnosed(penalized(3.0))] == ["excess_regularization"]
    assert not diagnosed(penalized(1e-4))
