"""Trainings with nothing wrong, those that look as if there were among them."""

import numpy as np
import pytest

from keras_trainkit.diagnosis import Facts, LayerFacts, OptimizerFacts, PlanFacts
from tests.diagnosis.made_facts import (
    ADAM,
    BITS,
    LABELS,
    MULTI_HOT,
    NUMBERS,
    ONE_HOT,
    PIXELS,
    RNG,
    ROWS,
    SGD,
    TOKENS,
    X,
    alarms,
    array,
    dense,
    diagnosed,
    mlp,
    training,
)

pytestmark = pytest.mark.host

COUNTS = RNG.poisson(3, ROWS)
PRICES = RNG.integers(18, 300, ROWS)
LINEAR = ("linear", "linear")
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
FLAT_PIXELS = PIXELS.reshape(ROWS, 36)
STEPS = (ROWS, 7)


def conv(path, filters, fan_in, activation="relu"):
    return LayerFacts(
        path,
        "Conv2D",
        filters,
        activation,
        (6, 6, filters),
        10,
        fan_in=fan_in,
        initializer="Glorot",
    )


CONVOLUTIONAL = (conv("conv", 8, 9), conv("head", 1, 72, "sigmoid"))
RECURRENT = (
    LayerFacts("embedding", "Embedding", 8, "", (7, 8), 50 * 8, fan_in=1, initializer="Uniform"),
    LayerFacts("lstm", "LSTM", 8, "tanh", (7, 8), 544, fan_in=8, initializer="GlorotUniform"),
    dense("head", 50, 8, "softmax", shape=(7, 50)),
)
CASES = {
    "binary": training("sigmoid", "binary_crossentropy", BITS, metrics=("accuracy",)),
    "binary column": training("sigmoid", "BinaryCrossentropy", BITS[:, None]),
    "classes": training("softmax", SPARSE, LABELS, 5, metrics=("accuracy",)),
    "more units than classes": training("softmax", SPARSE, LABELS, 7),
    "labels from 1 and a unit more": training("softmax", SPARSE, LABELS + 1, 6),
    "one-hot": training("softmax", CATEGORICAL, ONE_HOT, 5, metrics=("categorical_accuracy",)),
    "multi-label": training("sigmoid", "binary_crossentropy", MULTI_HOT, 5),
    "regression": training("linear", "mse", NUMBERS, metrics=("mae",)),
    "two numbers": training("linear", "mse", X[:, :2], 2),
    "sigmoid with categorical cross-entropy": training("sigmoid", CATEGORICAL, ONE_HOT, 5),
    "sigmoid with sparse cross-entropy": training("sigmoid", SPARSE, LABELS, 5),
    "softmax with binary cross-entropy": training("softmax", "binary_crossentropy", ONE_HOT, 5),
    "pixels with binary cross-entropy": training(
        "sigmoid", "binary_crossentropy", FLAT_PIXELS, 36, x=FLAT_PIXELS
    ),
    "denoised pixels": training("sigmoid", "mse", FLAT_PIXELS, 36, x=FLAT_PIXELS + 0.1),
    "linear decoder of pixels": training("linear", "mse", FLAT_PIXELS, 36, x=FLAT_PIXELS),
    "coder without activations": training("linear", "mse", X, 8, hidden=("linear",)),
    "targets near 22": training(
        "linear", "mse", 22 + 9 * NUMBERS, optimizer=OptimizerFacts("Adam", 0.1, adaptive=True)
    ),
    "bits as numbers": training("linear", "mse", BITS),
    "squared error of softmax": training("softmax", "mse", ONE_HOT, 5, metrics=("accuracy",)),
    "squared error of sigmoid": training("sigmoid", "mse", BITS, metrics=("accuracy",)),
    "squared error of sigmoid in long steps": training(
        "sigmoid",
        "mse",
        BITS,
        metrics=("accuracy",),
        optimizer=OptimizerFacts("SGD", 0.5, momentum=0.9),
    ),
    "whole numbers": training("linear", "mse", LABELS),
    "many whole numbers": training("relu", "mae", PRICES / 10),
    "counts": training("exponential", "poisson", COUNTS),
    "counts of softplus": training("softplus", "poisson", COUNTS),
    "logits": training("linear", SPARSE, LABELS, 5, from_logits=True, metrics=("accuracy",)),
    "one logit": training("linear", "binary_crossentropy", BITS, from_logits=True),
    "hinge": training("tanh", "hinge", 2 * BITS - 1),
    "hinge of linear": training("linear", "squared_hinge", 2 * BITS - 1),
    "hinge of bits": training("linear", "hinge", BITS),
    "signs as numbers": training("tanh", "mse", 2 * BITS - 1),
    "two softmax units": training("softmax", SPARSE, BITS, 2, metrics=("accuracy",)),
    "focal loss": training("sigmoid", "binary_focal_crossentropy", BITS),
    "own focal loss": training("linear", "focal", BITS, own_loss=True),
    "own loss of classes": training("softmax", "MyLoss", LABELS, 5, own_loss=True),
    "own function of columns": training("linear", "my_loss", NUMBERS, own_loss=True),
    "soft labels": training("softmax", CATEGORICAL, (ONE_HOT + 0.1) / 1.5, 5),
    "smoothed labels": training("sigmoid", "binary_crossentropy", 0.05 + 0.9 * BITS),
    "votes": training("sigmoid", "binary_crossentropy", RNG.integers(0, 6, ROWS) / 5),
    "shares of sigmoid": training("sigmoid", "mse", RNG.uniform(size=ROWS)),
    "tanh of scaled numbers": training("tanh", "mse", np.tanh(NUMBERS)),
    "numbers above zero": training("relu", "mse", abs(NUMBERS)),
    "percentages of numbers above zero": training("linear", "mape", 1 + abs(NUMBERS)),
    "logarithms of numbers above zero": training("linear", "msle", abs(NUMBERS)),
    "next token": training(
        "softmax", SPARSE, TOKENS, 50, x=TOKENS, layers=RECURRENT, shape=(7, 50)
    ),
    "tokens with an axis": training(
        "softmax", SPARSE, TOKENS[..., None], 50, x=TOKENS, layers=RECURRENT, shape=(7, 50)
    ),
    "a number for each step": training(
        "linear", "mse", RNG.normal(size=STEPS), x=RNG.normal(size=(*STEPS, 3)), shape=(7, 1)
    ),
    "segmentation": training(
        "sigmoid",
        "binary_crossentropy",
        (PIXELS > 0.5) * 1,
        x=PIXELS,
        layers=CONVOLUTIONAL,
        shape=(6, 6, 1),
        metrics=("binary_accuracy",),
    ),
    "segmentation of ignored pixels": training(
        "softmax",
        SPARSE,
        np.where(PIXELS > 0.9, 255, PIXELS > 0.5),
        2,
        x=PIXELS,
        layers=(conv("head", 2, 9, "softmax"),),
        shape=(6, 6, 2),
    ),
    "one-hot steps with padding": training(
        "softmax",
        CATEGORICAL,
        np.eye(6)[TOKENS % 6][..., 1:],
        5,
        x=TOKENS,
        layers=(*RECURRENT[:2], dense("head", 5, 8, "softmax", shape=(7, 5))),
        shape=(7, 5),
    ),
    "one linear layer": training("linear", "mse", NUMBERS, hidden=(), optimizer=SGD),
    "gradient descent": training("softmax", SPARSE, LABELS, 5, optimizer=SGD),
    "fast gradient descent of sigmoids": training(
        "sigmoid", "mse", BITS, hidden=("sigmoid",), optimizer=OptimizerFacts("SGD", 1.0)
    ),
    "a schedule from 0": training(
        "sigmoid",
        "binary_crossentropy",
        BITS,
        optimizer=OptimizerFacts("Adam", 0.0, scheduled=True),
    ),
    "unknown plan": training("sigmoid", "binary_crossentropy", BITS, plan=PlanFacts()),
    "not compiled": training("softmax", "", None, 5, optimizer=None),
    "a generator": training("softmax", SPARSE, np.zeros(20), 5, plan=PlanFacts(sampled=True)),
}


@pytest.mark.parametrize("name", CASES)
def test_healthy_training_gets_nothing_above_info(name):
    assert alarms(CASES[name]) == set()


@pytest.mark.parametrize("name", ["binary", "classes", "one-hot", "multi-label", "regression"])
def test_usual_training_gets_nothing_at_all(name):
    assert not diagnosed(CASES[name])


def test_nothing_known_is_nothing_found():
    assert not diagnosed(Facts())


def test_several_outputs_are_looked_at_one_by_one():
    first, second = CASES["binary"].outputs[0], CASES["regression"].outputs[0]
    facts = Facts(
        layers=(*mlp(1, "sigmoid"), dense("other", 1, 16, "linear")),
        outputs=(first, second),
        optimizer=ADAM,
        inputs=(array("x", X),),
    )
    assert not diagnosed(facts)
