"""Outputs and losses that do not fit their targets."""

from dataclasses import replace

import numpy as np
import pytest

from keras_trainkit.diagnosis import Facts, LayerFacts, OptimizerFacts
from tests.diagnosis.made_facts import (
    BITS,
    LABELS,
    MULTI_HOT,
    NUMBERS,
    ONE_HOT,
    PIXELS,
    RNG,
    ROWS,
    SGD,
    X,
    alarms,
    array,
    dense,
    diagnosed,
    found,
    mlp,
    one,
    roots,
    training,
)

pytestmark = pytest.mark.host

SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
BINARY = "binary_crossentropy"
SIGMOID = 'keras.layers.Dense(1, activation="sigmoid")'
SOFTMAX = 'keras.layers.Dense(5, activation="softmax")'
LINEAR = "keras.layers.Dense(1)"
SLOW = "keras.optimizers.SGD(learning_rate=0.01)"
ADAM = "keras.optimizers.Adam(learning_rate=0.01)"
ACCURACY = ("accuracy",)

# What is found first, how bad it is, and the first line of its first remedy.
FAULTS = {
    "softmax over one unit": (
        training("softmax", BINARY, BITS),
        ("softmax_one_unit", "error", SIGMOID),
    ),
    "softmax over one unit for classes": (
        training("softmax", SPARSE, LABELS),
        ("softmax_one_unit", "error", SOFTMAX),
    ),
    "softmax over one unit for numbers": (
        training("softmax", "mse", NUMBERS),
        ("softmax_one_unit", "error", LINEAR),
    ),
    "softmax over one unit with an own loss": (
        training("softmax", "focal", BITS, own_loss=True, metrics=ACCURACY),
        ("softmax_one_unit", "error", SIGMOID),
    ),
    "ReLU before cross-entropy": (
        training("relu", BINARY, BITS),
        ("relu_output", "error", SIGMOID),
    ),
    "ReLU before cross-entropy of classes": (
        training("relu", SPARSE, LABELS, 5),
        ("relu_output", "error", SOFTMAX),
    ),
    "ReLU for negative numbers": (
        training("relu", "mse", NUMBERS),
        ("relu_output", "error", LINEAR),
    ),
    "no activation": (
        training("linear", BINARY, BITS),
        ("missing_output_activation", "warning", SIGMOID),
    ),
    "no activation for classes": (
        training("linear", SPARSE, LABELS, 5),
        ("missing_output_activation", "error", SOFTMAX),
    ),
    "no activation for counts": (
        training("linear", "poisson", RNG.poisson(3, ROWS)),
        (
            "missing_output_activation",
            "warning",
            'keras.layers.Dense(1, activation="exponential")',
        ),
    ),
    "tanh before cross-entropy": (
        training("tanh", BINARY, BITS),
        ("wrong_output_activation", "error", SIGMOID),
    ),
    "sigmoid for any numbers": (
        training("sigmoid", "mse", 3 * NUMBERS),
        ("bounded_output_for_unbounded_target", "error", LINEAR),
    ),
    "tanh for larger numbers": (
        training("tanh", "mae", 2 * NUMBERS),
        ("bounded_output_for_unbounded_target", "error", LINEAR),
    ),
    "tanh for slightly larger numbers": (
        training("tanh", "mae", 1.2 * np.sin(NUMBERS)),
        ("bounded_output_for_unbounded_target", "warning", LINEAR),
    ),
    "one unit for classes": (
        training("sigmoid", BINARY, LABELS, metrics=ACCURACY),
        ("too_few_output_units", "error", SOFTMAX),
    ),
    "fewer units than classes": (
        training("softmax", SPARSE, LABELS, 3),
        ("too_few_output_units", "error", SOFTMAX),
    ),
    "one unit for columns": (
        training("linear", "mse", X[:, :3]),
        ("too_few_output_units", "error", "keras.layers.Dense(3)"),
    ),
    "one unit for one-hot classes": (
        training("linear", "mse", ONE_HOT),
        ("too_few_output_units", "error", SOFTMAX),
    ),
    "units for one number": (
        training("linear", "mse", NUMBERS, 5),
        ("too_many_output_units", "error", LINEAR),
    ),
    "two units for bits": (
        training("softmax", BINARY, BITS, 2),
        ("too_many_output_units", "error", SIGMOID),
    ),
    "softmax for several labels": (
        training("softmax", BINARY, MULTI_HOT, 5),
        (
            "exclusive_output_for_multilabel",
            "error",
            'keras.layers.Dense(5, activation="sigmoid")',
        ),
    ),
    "cross-entropy over one unit": (
        training("sigmoid", CATEGORICAL, BITS),
        ("loss_always_zero", "error", f'model.compile({ADAM}, loss="{BINARY}")'),
    ),
    "sparse cross-entropy over one logit": (
        training("linear", SPARSE, BITS, from_logits=True),
        ("loss_always_zero", "error", SIGMOID),
    ),
    "cross-entropy of numbers": (
        training("linear", BINARY, 40 + NUMBERS, from_logits=True),
        (
            "regression_with_classification_loss",
            "error",
            f'model.compile({ADAM}, loss="mean_squared_error")',
        ),
    ),
    "cross-entropy of pixels beyond 1": (
        training("sigmoid", BINARY, PIXELS * 255, x=PIXELS, shape=(6, 6, 1), layers=()),
        (
            "bounded_output_for_unbounded_target",
            "error",
            "keras.layers.Dense(1)",
        ),
    ),
    "squared error of classes": (
        training("linear", "mse", BITS, metrics=ACCURACY),
        ("classification_with_regression_loss", "warning", SIGMOID),
    ),
    "squared error of softmax in slow steps": (
        training("softmax", "mse", ONE_HOT, 5, metrics=ACCURACY, optimizer=SGD),
        (
            "classification_with_regression_loss",
            "warning",
            f'model.compile({SLOW}, loss="{CATEGORICAL}", metrics=["accuracy"])',
        ),
    ),
    "absolute error of softmax in long steps": (
        training(
            "softmax",
            "mae",
            ONE_HOT,
            5,
            metrics=ACCURACY,
            optimizer=OptimizerFacts("SGD", 0.5, momentum=0.9),
        ),
        (
            "classification_with_regression_loss",
            "warning",
            "model.compile(keras.optimizers.SGD(learning_rate=0.5, momentum=0.9), "
            f'loss="{CATEGORICAL}", metrics=["accuracy"])',
        ),
    ),
    "squared error of class numbers beside columns": (
        training("softmax", "mse", LABELS, 5, metrics=ACCURACY),
        (
            "classification_with_regression_loss",
            "error",
            f'model.compile({ADAM}, loss="{SPARSE}", metrics=["accuracy"])',
        ),
    ),
    "percentages of 0": (
        training("linear", "mape", np.maximum(NUMBERS, 0)),
        ("undefined_relative_loss", "error", f'model.compile({ADAM}, loss="mean_squared_error")'),
    ),
    "percentages around 0": (
        training("linear", "mape", NUMBERS),
        ("undefined_relative_loss", "warning", f'model.compile({ADAM}, loss="mean_squared_error")'),
    ),
    "logarithms below -1": (
        training("linear", "msle", 2 * NUMBERS),
        ("undefined_relative_loss", "error", f'model.compile({ADAM}, loss="mean_squared_error")'),
    ),
    "accuracy of numbers": (
        training("linear", "mse", NUMBERS, metrics=ACCURACY),
        (
            "metric_does_not_fit",
            "warning",
            f'model.compile({ADAM}, loss="mean_squared_error", metrics=["mean_absolute_error"])',
        ),
    ),
    "accuracy of labels of which several may be on": (
        training("sigmoid", BINARY, MULTI_HOT, 5, metrics=ACCURACY),
        (
            "metric_does_not_fit",
            "info",
            f'model.compile({ADAM}, loss="{BINARY}", metrics=["binary_accuracy"])',
        ),
    ),
    "accuracy of another coding": (
        training("softmax", SPARSE, LABELS, 5, metrics=("CategoricalAccuracy",)),
        (
            "metric_does_not_fit",
            "warning",
            f'model.compile({ADAM}, loss="{SPARSE}", metrics=["accuracy"])',
        ),
    ),
    "class numbers for columns": (
        training("softmax", CATEGORICAL, LABELS, 5),
        ("wrong_loss", "error", f'model.compile({ADAM}, loss="{SPARSE}")'),
    ),
    "columns for class numbers": (
        training("softmax", SPARSE, ONE_HOT, 5),
        ("wrong_loss", "error", f'model.compile({ADAM}, loss="{CATEGORICAL}")'),
    ),
    "shares for several labels": (
        training("sigmoid", CATEGORICAL, MULTI_HOT, 5),
        ("wrong_loss", "warning", f'model.compile({ADAM}, loss="{BINARY}")'),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_the_first_root_with_its_remedy(name):
    facts, (expected, severity, code) = FAULTS[name]
    first = diagnosed(facts)[0]
    assert (first.name, first.severity) == (expected, severity)
    assert first.remedies[0].code.splitlines()[0] == code


def test_head_and_loss_are_mended_at_once():
    remedy = one(training("softmax", CATEGORICAL, BITS, metrics=ACCURACY)).remedies[0]
    assert remedy.code == (
        f'{SIGMOID}\nmodel.compile({ADAM}, loss="{BINARY}", metrics=["accuracy"])'
    )
    assert remedy.change == {
        "kind": "several",
        "changes": [
            {"kind": "layer", "path": "head", "config": {"activation": "sigmoid"}},
            {"kind": "compile", "loss": BINARY},
        ],
    }


@pytest.mark.parametrize(
    ("facts", "is_found"),
    [
        (training("sigmoid", BINARY, BITS, from_logits=True), True),
        (training("softmax", SPARSE, LABELS, 5, from_logits=True), True),
        (training("sigmoid", BINARY, BITS), False),
        (training("linear", BINARY, BITS, from_logits=True), False),
        (training("softmax", "MyLoss", LABELS, 5, from_logits=True, own_loss=True), False),
    ],
)
def test_probabilities_are_no_logits(facts, is_found):
    names = [finding.name for finding in diagnosed(facts)]
    assert ("wrong_output_activation" in names) == is_found
    if is_found:
        assert "from_logits" not in found(facts, "wrong_output_activation").remedies[0].code


@pytest.mark.parametrize(
    ("loss", "y", "is_found"),
    [
        ("cosine_similarity", NUMBERS, True),
        ("cosine_similarity", np.stack([NUMBERS, 2 * NUMBERS], axis=1), False),
        ("kl_divergence", RNG.uniform(size=ROWS), True),
        ("kl_divergence", RNG.uniform(size=(ROWS, 3)), True),
        ("kl_divergence", RNG.dirichlet((1, 1, 1), size=ROWS), False),
        ("kl_divergence", ONE_HOT, False),
    ],
)
def test_losses_of_rows_that_are_directions_or_distributions(loss, y, is_found):
    units = y.shape[-1] if y.ndim > 1 else 1
    activation = "softmax" if units > 1 else "linear" if loss == "cosine_similarity" else "sigmoid"
    assert ("wrong_loss" in alarms(training(activation, loss, y, units))) == is_found


@pytest.mark.parametrize(
    ("advantage", "names"),
    [(0.5, ["classification_with_regression_loss"]), (0.1, []), (-0.3, []), (np.nan, [])],
)
def test_names_that_are_learned_as_a_number(advantage, names):
    facts = replace(training("linear", "mse", LABELS), class_advantage=advantage)
    assert roots(facts) == names
    for finding in diagnosed(facts):
        assert SPARSE in finding.remedies[0].code
        assert "5" in finding.remedies[0].code


def test_loss_of_zero_follows_from_softmax_over_one_unit():
    (finding,) = diagnosed(training("softmax", CATEGORICAL, BITS))
    assert [each.name for each in finding.consequences] == ["loss_always_zero"]


def test_loss_and_output_that_are_both_wrong_stand_side_by_side():
    facts = training("sigmoid", BINARY, 40 + 3 * NUMBERS, metrics=ACCURACY)
    both = {"bounded_output_for_unbounded_target", "regression_with_classification_loss"}
    assert set(roots(facts)) == both
    assert "metric_does_not_fit" in alarms(facts)


def test_a_linear_output_for_numbers_is_not_what_does_not_fit():
    facts = training("linear", CATEGORICAL, np.stack([NUMBERS, 2 * NUMBERS], axis=1), 2)
    assert roots(facts) == ["regression_with_classification_loss"]


def test_activation_in_a_layer_of_its_own_is_replaced_there():
    layers = (*mlp(1, "linear"), LayerFacts("softmax", "Softmax", 1, "softmax", (1,)))
    facts = training("softmax", BINARY, BITS, layers=layers)
    output = Facts(
        layers=layers,
        outputs=(type(facts.outputs[0])(**{**vars(facts.outputs[0]), "layer": "softmax"}),),
        optimizer=facts.optimizer,
        inputs=facts.inputs,
        plan=facts.plan,
    )
    remedy = found(output, "softmax_one_unit").remedies[0]
    assert remedy.code == 'keras.layers.Activation("sigmoid")'
    assert remedy.change == {
        "kind": "layer",
        "path": "softmax",
        "class": "Activation",
        "config": {"activation": "sigmoid"},
    }


def test_softmax_layer_over_another_axis_is_left_alone():
    layers = (LayerFacts("softmax", "Softmax", 1, "softmax", (7, 1)),)
    facts = training("softmax", "own", NUMBERS, layers=layers, shape=(7, 1), own_loss=True)
    facts = Facts(layers=layers, outputs=(type(facts.outputs[0])("softmax", "softmax", (7, 1)),))
    assert not diagnosed(facts)


def test_an_output_for_each_step_and_one_target():
    facts = training("linear", "mse", NUMBERS, shape=(7, 1), layers=())
    assert one(facts).name == "too_many_output_units"
    assert one(facts).evidence[0].value == 7


def test_of_several_outputs_the_loss_of_one_is_changed():
    first = training("sigmoid", BINARY, BITS).outputs[0]
    second = training("softmax", CATEGORICAL, LABELS, 5).outputs[0]
    facts = Facts(
        layers=(*mlp(1, "sigmoid"), dense("other", 5, 16, "softmax")),
        outputs=(first, type(second)(**{**vars(second), "layer": "other"})),
        optimizer=OptimizerFacts("NAG", 0.01, momentum=0.9, place="keras_trainkit.optimizers.NAG"),
        inputs=(array("x", X),),
    )
    remedy = one(facts).remedies[0]
    assert remedy.change == {"kind": "compile", "loss": SPARSE, "output": 1}
    assert remedy.code == (
        "model.compile(keras_trainkit.optimizers.NAG(learning_rate=0.01, momentum=0.9), "
        f'loss=["{BINARY}", "{SPARSE}"])'
    )


@pytest.mark.parametrize(("weight", "expected"), [(0.0, ["loss_always_zero"]), (0.5, [])])
def test_a_loss_of_no_weight_teaches_nothing(weight, expected):
    found = diagnosed(training("sigmoid", "binary_crossentropy", BITS, weight=weight))
    assert [finding.name for finding in found] == expected


def test_two_flags_that_may_both_be_off_are_no_shares_of_one():
    rare = (np.arange(800).reshape(-1, 2) % 5 == 0).astype(int)
    found = diagnosed(training("sigmoid", CATEGORICAL, rare, 2))
    assert [(finding.condition, finding.severity) for finding in found] == [
        ("wrong_loss", "warning")
    ]
