"""Every remedy is code that runs as it stands, with the names that the reader's script has."""

import ast
import dataclasses
import itertools

import keras
import numpy as np
import pytest

import keras_trainkit.callbacks
import keras_trainkit.layers
from keras_trainkit.diagnosis import (
    LayerFacts,
    OptimizerFacts,
    PlanFacts,
    Remedy,
    TrialFacts,
    diagnose,
)
from keras_trainkit.diagnosis._diagnose import remedies
from tests.diagnosis import trainings
from tests.diagnosis.diagnose.static.test_heads import FAULTS
from tests.diagnosis.made_facts import (
    BITS,
    LABELS,
    NUMBERS,
    ONE_HOT,
    PIXELS,
    ROWS,
    TOKENS,
    X,
    array,
    dense,
    diagnosed,
    mlp,
    training,
)

pytestmark = pytest.mark.host

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
HOLES = np.where(X > 2, np.nan, X)
ORDERED = np.sort(LABELS)
WORDS = (
    LayerFacts("words", "Embedding", 8, shape=(7, 8), parameters=50 * 8),
    LayerFacts("mean", "GlobalAveragePooling1D", 8, shape=(8,)),
    dense("head", 1, 8, "sigmoid"),
)
FROZEN = dense("frozen", 16, 8, trainable=False, reached='model.get_layer("frozen")')
NORM = LayerFacts("norm", "BatchNormalization", 16, "", (16,), 64, momentum=0.9999)
CONV = LayerFacts(
    "conv",
    "Conv2D",
    8,
    "linear",
    (4, 4, 8),
    80,
    initializer="RandomNormal",
    fan_in=9,
    arguments={"filters": "8", "kernel_size": "(3, 3)"},
)


def adam(rate, **fields):
    return OptimizerFacts("Adam", rate, adaptive=True, **fields)


def bits(**fields):
    return training("sigmoid", BINARY, BITS, **fields)


def with_own_layer(trial):
    own = LayerFacts("own", "Own", 8, shape=(8,))
    facts = bits(layers=(own, *mlp(1, "sigmoid")))
    return dataclasses.replace(facts, unknown=("own",), trial=trial)


def two_outputs():
    facts = training("relu", BINARY, BITS, metrics=("binary_accuracy",))
    other = training("softmax", SPARSE, LABELS, 5).outputs[0]
    other = dataclasses.replace(other, layer="other", target=array("y[1]", LABELS))
    return dataclasses.replace(
        facts,
        outputs=(facts.outputs[0], other),
        layers=(*facts.layers, dense("other", 5, 16, "softmax")),
    )


FACTS = {
    **{name: facts for name, (facts, _) in FAULTS.items()},
    "two outputs": two_outputs(),
    "holes": bits(x=HOLES),
    "holes in validation": bits(validation=(HOLES, BITS)),
    "one row": bits(x=np.ones((ROWS, 8))),
    "tokens as fractions": bits(x=TOKENS / 50, layers=WORDS, validation=(TOKENS / 50, BITS)),
    "unknown tokens": bits(x=TOKENS + 30, layers=WORDS),
    "scaled labels": training("softmax", SPARSE, LABELS / 255, 5, validation=(X, LABELS / 255)),
    "flat labels": training("linear", "Own", NUMBERS, own_loss=True),
    "one class": training("sigmoid", BINARY, 0 * BITS),
    "rare class": training("sigmoid", BINARY, (X[:, 0] > 2).astype(int)),
    "raw columns": bits(x=100 * X, validation=(100 * X, BITS)),
    "raw pixels": bits(x=np.round(255 * PIXELS), layers=(CONV, *mlp(1, "sigmoid"))),
    "raw targets": training("linear", "mse", 1e6 * NUMBERS, validation=(X, 1e6 * NUMBERS)),
    "other validation": bits(validation=(X + 50, BITS)),
    "pixels of validation": bits(x=np.abs(X), validation=(np.abs(X) / 255, BITS)),
    "other columns": bits(validation=(X[:, :3], BITS)),
    "one-hot validation": training("softmax", SPARSE, LABELS, 5, validation=(X, ONE_HOT)),
    "other classes": training("softmax", SPARSE, LABELS % 2, 5, validation=(X, LABELS)),
    "ordered rows": training(
        "softmax", SPARSE, ORDERED, 5, plan=PlanFacts(ROWS, 20, 50, 20, split=0.2)
    ),
    "not shuffled": training(
        "softmax", SPARSE, ORDERED, 5, plan=PlanFacts(ROWS, 20, 50, 20, shuffle=False)
    ),
    "straight": bits(hidden=("linear", "linear")),
    "straight convolutions": bits(x=PIXELS, layers=(CONV, *mlp(1, "sigmoid", ("linear",)))),
    "zeros": bits(
        layers=tuple(
            dataclasses.replace(layer, constant_kernel=True, initializer="Zeros")
            for layer in mlp(1, "sigmoid", ("relu", "relu"))
        )
    ),
    "frozen": bits(layers=(FROZEN, *mlp(1, "sigmoid"))),
    "deep": bits(hidden=("sigmoid",) * 8, optimizer=OptimizerFacts("SGD", 0.1)),
    "penalties": bits(layers=(dense("d", 16, 8, l2=5.0), dense("head", 1, 16, "sigmoid"))),
    "dropout": bits(
        layers=(
            dense("d", 16, 8),
            LayerFacts("drop", "Dropout", 16, rate=0.95, shape=(16,)),
            dense("head", 1, 16, "sigmoid"),
        )
    ),
    "decay": bits(optimizer=adam(0.01, weight_decay=30.0)),
    "high rate": bits(optimizer=adam(5.0)),
    "low rate": bits(optimizer=adam(1e-7)),
    "few updates": bits(plan=PlanFacts(ROWS, 200, 1, 2)),
    "single rows": bits(
        layers=(dense("d", 16, 8), NORM, dense("head", 1, 16, "sigmoid")),
        plan=PlanFacts(ROWS, 1, 2, ROWS),
    ),
    "statistics": bits(layers=(dense("d", 16, 8), NORM, dense("head", 1, 16, "sigmoid"))),
    "mixed rows": with_own_layer(TrialFacts(8, leak=0.5)),
    "lost rows": dataclasses.replace(bits(), trial=TrialFacts(8, kept_rows=False)),
    "lost signal": dataclasses.replace(
        bits(hidden=("tanh",) * 4), trial=TrialFacts(8, low=0, high=1, spread=1e-9)
    ),
}


def records():
    """Return cases of records with something wrong."""
    flat, half = np.full(6, 0.693), np.full(6, 0.5)
    falling = np.linspace(2, 1.2, 6)
    quiet = {"update_norm": 2e-7}
    norms = np.ones((trainings.STEPS, 6))
    norms[3:] = 1e9
    faded = np.ones((trainings.STEPS, 6)) * [1e-9, 1e-9, 1e-4, 1e-4, 1, 1]
    yield trainings.case(loss=flat, accuracy=half)
    yield trainings.case(columns=quiet, loss=flat, accuracy=half)
    yield trainings.case(columns={"norm": norms, "update_norm": norms}, loss=falling)
    yield trainings.case(columns={"norm": faded}, loss=flat, accuracy=half)
    yield trainings.case(loss=falling, accuracy=half)
    yield trainings.case(loss=0 * flat, accuracy=half)
    yield trainings.case(loss=-falling, accuracy=half)
    yield trainings.case(loss=[0.7, np.nan, np.nan, np.nan, np.nan, np.nan])
    yield trainings.case(loss=[1, 3, 1, 3, 1, 3], accuracy=half)
    overfitted = {"val_loss": np.linspace(1, 4, 6), "val_accuracy": half}
    yield trainings.case(loss=falling - 1, accuracy=np.full(6, 0.99), **overfitted)


STATIC = list(itertools.chain.from_iterable(diagnosed(facts).findings for facts in FACTS.values()))
FOUND = [*STATIC, *itertools.chain.from_iterable(diagnose(each.history) for each in records())]


def everything(findings):
    for finding in findings:
        yield finding
        yield from everything(finding.consequences)


PRINTED = sorted({remedy.code for each in everything(FOUND) for remedy in each.remedies})


class Model:
    """Notes what is asked of a model."""

    layers, trainable_weights = (), ()

    def __init__(self):
        self.asked = []
        self.optimizer = keras.optimizers.SGD()

    def compile(self, optimizer, loss, **arguments):
        self.asked.append(keras.optimizers.get(optimizer))

    def fit(self, x, y, **arguments):
        assert set(arguments) <= set(keras.Model.fit.__wrapped__.__code__.co_varnames)
        self.asked.append(arguments)

    def get_layer(self, name):
        return keras.layers.Dense(1)


def test_there_are_remedies_of_all_kinds():
    for part in ("model.compile(", "model.fit(", "keras.layers.", "np.", "find_learning_rate("):
        assert any(part in code for code in PRINTED), part
    assert len(PRINTED) > 60


@pytest.mark.parametrize("code", PRINTED)
def test_code_runs_as_it_stands(code, monkeypatch):
    def found(*given, **arguments):
        return type("Found", (), {"suggestion": 0.01})

    def own(targets, outputs):
        return targets - outputs

    monkeypatch.setattr(keras_trainkit.callbacks, "find_learning_rate", found)
    monkeypatch.setattr(keras_trainkit.layers, "recalibrate", found)
    model, rows = Model(), np.abs(X) + 1
    names = {"keras": keras, "keras_trainkit": keras_trainkit, "np": np, "model": model}
    names |= {"x": rows, "x_val": rows[:50], "y": NUMBERS, "y_val": NUMBERS[:50], "Own": own}
    assert not any(left_open in code for left_open in ("=...", "(...", ", ..."))
    for statement in ast.parse(code).body:
        text = ast.unparse(statement)
        if text.startswith("keras.layers."):
            assert isinstance(eval(text, names), keras.layers.Layer)
        else:
            exec(text, names)


@pytest.mark.parametrize("finding", list(everything(FOUND)), ids=lambda each: each.name)
def test_every_finding_above_info_has_a_remedy(finding):
    assert finding.severity == "info" or finding.remedies
    assert all(remedy.code for remedy in finding.remedies)


def test_weights_are_drawn_anew_where_they_were_drawn_blindly():
    (remedy,) = remedies.redrawn(_case(bits(layers=(CONV, *mlp(1, "sigmoid")))))
    assert remedy.code == ('keras.layers.Conv2D(8, (3, 3), kernel_initializer="glorot_uniform")')
    assert remedies.redrawn(_case(bits())) == ()


def test_the_only_layer_of_the_users_is_taken_out():
    (remedy,) = remedies.without(_case(with_own_layer(None)), "take out {layer}")
    assert (remedy.text, remedy.code) == ("take out own", "keras.layers.Identity()")
    assert remedy.change == {"kind": "layer", "path": "own", "config": {}, "class": "Identity"}
    assert remedies.without(_case(bits()), "take out {layer}") == ()


def test_a_layer_that_serves_as_an_activation_gives_way_to_one():
    own = LayerFacts("own", "Own", 16, shape=(16,))
    layers = (dense("d", 16, 8, "linear"), own, dense("head", 1, 16, "sigmoid"))
    facts = dataclasses.replace(bits(layers=layers), unknown=("own",))
    (remedy,) = remedies.without(_case(facts), "")
    assert remedy.code == 'keras.layers.Activation("relu")'


def test_a_schedule_gives_way_to_a_rate_that_stays():
    facts = bits(optimizer=adam(0.01, scheduled=True, arguments={"learning_rate": "f()"}))
    (remedy,) = remedies.scaled_rate(_case(facts), 0.1)
    assert "Adam(learning_rate=0.01)" in remedy.code


def test_a_recurrence_gives_way_to_one_with_gates():
    arguments = {"units": "12", "return_sequences": "True"}
    layer = LayerFacts("rnn", "SimpleRNN", 12, "tanh", (7, 12), 99, fan_in=8, arguments=arguments)
    remedy, _ = remedies.bent(_case(bits(layers=(layer, dense("head", 1, 12, "sigmoid")))))
    assert remedy.code == "keras.layers.LSTM(12, return_sequences=True)"


def test_a_deep_network_gets_a_rate_that_it_bears():
    sgd = OptimizerFacts("SGD", 0.1, momentum=0.9)
    remedy, _ = remedies.bent(_case(bits(hidden=("sigmoid",) * 8, optimizer=sgd)))
    layers, code, compiled = remedy.code.splitlines()
    assert layers == "# dense_0 to dense_7: 8 layers"
    assert code == ('keras.layers.Dense(16, activation="selu", kernel_initializer="lecun_normal")')
    assert "learning_rate=0.01, momentum=0.9" in compiled
    assert "compile" not in remedies.bent(_case(bits(hidden=("sigmoid",) * 8)))[0].code


def test_keras_loss_in_place_of_the_users():
    facts = training("relu", "Own", BITS, own_loss=True, metrics=("accuracy",))
    (remedy,) = remedies.known_loss(_case(facts))
    assert remedy.code.splitlines()[0] == 'keras.layers.Dense(1, activation="sigmoid")'
    assert 'loss="binary_crossentropy"' in remedy.code


def _case(facts):
    return dataclasses.replace(trainings.case(), facts=facts)


def test_a_wider_network():
    (remedy,) = remedies.wider(_case(bits(layers=mlp(1, "sigmoid", width=2))))
    assert isinstance(remedy, Remedy)
    assert remedy.code == 'keras.layers.Dense(64, activation="relu")'
    shaped = (*mlp(1, "sigmoid", width=2), LayerFacts("shaped", "Reshape", 1, shape=(1,)))
    (remedy,) = remedies.wider(_case(bits(layers=shaped)))
    assert remedy.change is None
