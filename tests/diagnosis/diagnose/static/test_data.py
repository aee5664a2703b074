"""Faults of inputs, targets and validation data."""

import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import LayerFacts, OptimizerFacts, PlanFacts
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
    TOKENS,
    X,
    alarms,
    array,
    dense,
    diagnosed,
    found,
    one,
    training,
)

pytestmark = pytest.mark.host

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
UNNAMED = ("Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "TrueDivide")
EMBEDDING = (
    LayerFacts("embedding", "Embedding", 8, "", (7, 8), 50 * 8, fan_in=1, initializer="Uniform"),
    LayerFacts("flatten", "Flatten", 56, "", (56,)),
    dense("head", 1, 56, "sigmoid"),
)
HOLED = np.where(X > 2, np.nan, X)
ORDERED = np.sort(LABELS)
SPLIT = PlanFacts(rows=ROWS, batch_size=20, epochs=50, steps=20, split=0.2)
UNSHUFFLED = PlanFacts(rows=ROWS, batch_size=20, epochs=50, steps=20, shuffle=False)


def classes(y, units=5, **rest):
    return training("softmax", SPARSE, y, units, **rest)


def bits(y=BITS, **rest):
    return training("sigmoid", BINARY, y, **rest)


def numbers(y, **rest):
    return training("linear", "mse", y, **rest)


@pytest.mark.parametrize(
    "facts",
    [
        classes(LABELS / 255),
        classes(LABELS + 1),
        classes(LABELS - 1),
        classes((LABELS - LABELS.mean()) / LABELS.std()),
        bits(2 * BITS - 1),
        bits(BITS + 1),
        bits(BITS / 255),
        bits((BITS - BITS.mean()) / BITS.std()),
        training("tanh", "hinge", BITS + 1),
    ],
)
def test_label_encoding(facts):
    finding = one(facts)
    assert (finding.name, finding.severity, finding.where) == ("label_encoding", "error", "y")
    assert finding.remedies[0].code == "classes = np.unique(y)\ny = np.searchsorted(classes, y)"


@pytest.mark.parametrize("y", [MULTI_HOT + 1, 2 * MULTI_HOT - 1])
def test_several_labels_that_are_not_coded_as_0_and_1(y):
    finding = one(training("sigmoid", "binary_crossentropy", y, 5))
    assert (finding.name, finding.severity) == ("label_encoding", "error")
    assert "expects 0 and 1" in finding.text


def test_smoothed_labels_are_as_they_should_be():
    smooth = 0.9 * MULTI_HOT + 0.05
    assert not alarms(training("sigmoid", "binary_crossentropy", smooth, 5))


def test_fractions_before_several_embeddings():
    embeddings = [LayerFacts(f"e{i}", "Embedding", 4, parameters=400, fan_in=100) for i in (0, 1)]
    columns = [TOKENS[:, :1], TOKENS[:, 1:2]]

    def between(scale):
        inputs = tuple(array(f"x[{i}]", x / scale) for i, x in enumerate(columns))
        return bits(inputs=inputs, layers=(*embeddings, *bits().layers))

    assert "truncated_tokens" in alarms(between(50))
    assert "truncated_tokens" not in alarms(between(1))


@pytest.mark.parametrize(("scale", "is_found"), [(50, True), (7, False), (1, False)])
def test_fractions_of_which_embeddings_get_a_column_each(scale, is_found):
    embeddings = [LayerFacts(f"e{i}", "Embedding", 4, parameters=400, fan_in=100) for i in (0, 1)]
    columns = [LayerFacts(f"get_item_{i}", "GetItem") for i in (0, 1)]
    facts = bits(x=TOKENS[:, :2] / scale, layers=(*columns, *embeddings, *bits().layers))
    assert ("truncated_tokens" in alarms(facts)) == is_found


def test_one_hot_rows_that_were_scaled():
    softmax = ("softmax", "categorical_crossentropy")
    finding = one(training(*softmax, 255 * ONE_HOT, 5))
    assert (finding.name, finding.severity, finding.where) == ("label_encoding", "error", "y")
    known = {"y": 255 * ONE_HOT}
    exec(finding.remedies[0].code, known)
    np.testing.assert_allclose(known["y"], ONE_HOT)
    assert "label_encoding" not in alarms(training(*softmax, ONE_HOT, 5))
    assert "label_encoding" not in alarms(numbers(255 * ONE_HOT, units=5))


@pytest.mark.parametrize("labels", [LABELS / 255, LABELS + 1, LABELS * 3.5 - 1])
def test_remedy_of_labels_gives_what_the_loss_reads(labels):
    found = {"np": np, "y": labels}
    exec(one(classes(labels)).remedies[0].code, found)
    np.testing.assert_array_equal(found["y"], LABELS)


def test_label_shape_broadcast():
    finding = one(training("linear", "MyLoss", NUMBERS, own_loss=True))
    assert (finding.name, finding.severity) == ("label_shape_broadcast", "warning")
    assert finding.remedies[0].code == "y = y[..., np.newaxis]"


@pytest.mark.parametrize(
    ("name", "y"), [("MyLoss", NUMBERS[:, None]), ("my_loss", NUMBERS), ("MyLoss", None)]
)
def test_own_losses_that_get_equal_shapes(name, y):
    assert not diagnosed(training("linear", name, y, own_loss=True))


def test_truncated_tokens():
    finding = one(bits(x=TOKENS / 50, layers=EMBEDDING))
    assert (finding.name, finding.severity) == ("truncated_tokens", "error")
    assert "all of them become token 0" in finding.text
    assert "all of them" not in one(bits(x=TOKENS / 7, layers=EMBEDDING)).text


@pytest.mark.parametrize("x", [TOKENS, TOKENS.astype("float32"), TOKENS % 3])
def test_whole_tokens(x):
    assert not diagnosed(bits(x=x, layers=EMBEDDING))


def test_tokens_beyond_the_vocabulary():
    finding = one(bits(x=TOKENS + 1, layers=EMBEDDING))
    assert (finding.condition, finding.severity) == ("bad_data", "error")
    assert finding.remedies[0].code == "keras.layers.Embedding(51, 8)"


@pytest.mark.parametrize(
    ("facts", "where", "severity"),
    [
        (bits(x=HOLED), "x", "error"),
        (numbers(np.where(NUMBERS > 1, np.inf, NUMBERS)), "y", "error"),
        (bits(validation=(HOLED, BITS)), "validation x", "warning"),
    ],
)
def test_not_finite(facts, where, severity):
    finding = one(facts)
    assert (finding.condition, finding.where, finding.severity) == ("bad_data", where, severity)


def test_masked_targets_of_an_own_loss_are_no_alarm():
    y = np.where(NUMBERS > 1, np.nan, NUMBERS)[:, None]
    assert alarms(training("linear", "masked", y, own_loss=True)) == set()


def test_input_and_targets_of_one_value():
    assert one(bits(x=np.ones_like(X))).severity == "error"
    assert one(bits(np.ones(ROWS))).severity == "warning"
    assert not diagnosed(bits(np.ones(ROWS), plan=PlanFacts(sampled=True)))
    assert not diagnosed(bits(x=np.where(np.arange(8) == 3, 1.0, X)))


@pytest.mark.parametrize("x", [100 * X, np.where(np.arange(8) == 3, 5000.0, X)])
def test_unnormalized_input(x):
    finding = one(bits(x=x))
    assert (finding.name, finding.severity, finding.where) == ("unnormalized_input", "warning", "x")
    assert "keras.layers.Normalization()" in finding.remedies[0].code


def test_pixels_are_divided():
    x = np.round(PIXELS * 255)
    layers = (
        LayerFacts("flatten", "Flatten", 36, "", (36,)),
        dense("dense", 16, 36),
        dense("head", 1, 16, "sigmoid"),
    )
    assert one(bits(x=x, layers=layers)).remedies[0].code == "x = x / 255"
    assert not diagnosed(bits(x=PIXELS, layers=layers))
    assert one(bits(x=PIXELS / 255, layers=layers)).name == "unnormalized_input"


def test_gradient_descent_on_raw_inputs_cannot_work():
    facts = numbers(NUMBERS, x=100 * X, optimizer=SGD)
    assert found(facts, "unnormalized_input").severity == "error"


@pytest.mark.parametrize("kind", UNNAMED)
def test_raw_inputs_before_what_may_scale_them(kind):
    layers = (
        LayerFacts("first", kind, 8, "", (8,)),
        dense("d", 16, 8),
        dense("head", 1, 16, "sigmoid"),
    )
    assert not diagnosed(bits(x=100 * X, layers=layers))


@pytest.mark.parametrize(
    "changes", [{"trainable": False, "parameters": 5000}, {"activation": "linear"}]
)
def test_raw_inputs_of_a_frozen_layer_or_one_that_is_normalized(changes):
    layers = (
        dense("d", 16, 8, **changes),
        LayerFacts("norm", "BatchNormalization", 16, "", (16,)),
        LayerFacts("relu", "ReLU", 16, "relu", (16,)),
        dense("head", 1, 16, "sigmoid"),
    )
    assert alarms(bits(x=100 * X, layers=layers)) == set()


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        (
            numbers(2e5 + 5e4 * NUMBERS, optimizer=OptimizerFacts("Adam", 0.001, adaptive=True)),
            "error",
        ),
        (numbers(300 + 50 * NUMBERS, optimizer=SGD), "warning"),
        (numbers(NUMBERS * 1e-4), "warning"),
    ],
)
def test_unnormalized_target(facts, severity):
    finding = one(facts)
    assert (finding.name, finding.severity, finding.where) == ("unnormalized_target", severity, "y")


@pytest.mark.parametrize(
    "facts",
    [
        numbers(200 + 50 * NUMBERS),
        numbers(3 * NUMBERS, optimizer=SGD),
        numbers(300 + NUMBERS, optimizer=OptimizerFacts("SGD", 0.01, clips=True)),
    ],
)
def test_targets_within_reach(facts):
    assert alarms(facts) == set()


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        (bits(validation=(100 * X, BITS)), "validation x"),
        (bits(validation=(X / 255, BITS)), "validation x"),
        (bits(validation=(X + 5, BITS)), "validation x"),
        (bits(x=abs(X), validation=(X, BITS)), "validation x"),
        (bits(validation=(abs(X), BITS)), "validation x"),
        (bits(validation=(X[:, :5], BITS)), "validation x"),
        (classes(LABELS, validation=(X, LABELS + 5)), "validation y"),
        (classes(LABELS, validation=(X, ONE_HOT)), "validation y"),
        (classes(LABELS, validation=(X, LABELS / 255)), "validation y"),
        (numbers(NUMBERS, validation=(X, 40 * NUMBERS)), "validation y"),
    ],
)
def test_validation_mismatch(facts, where):
    finding = one(facts)
    assert (finding.name, finding.severity, finding.where) == (
        "validation_mismatch",
        "error",
        where,
    )


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (bits(validation=(255 * X, BITS)), "x_val = x_val / 255"),
        (bits(validation=(X / 255, BITS)), "x_val = x_val * 255"),
        (classes(LABELS, validation=(X, ONE_HOT)), "y_val = y_val.argmax(axis=-1)"),
        (
            training("softmax", "categorical_crossentropy", ONE_HOT, 5, validation=(X, LABELS)),
            "y_val = keras.utils.to_categorical(y_val, 5)",
        ),
    ],
)
def test_remedy_of_validation_data(facts, code):
    assert one(facts).remedies[0].code == code


def test_validation_images_that_are_darker():
    def of(validation):
        return bits(x=PIXELS, validation=(validation, BITS), layers=())

    assert alarms(of(1 - PIXELS**4)) == {"validation_mismatch"}
    assert alarms(of(0.9 * PIXELS)) == set()


def test_remedy_of_validation_data_of_other_classes_mixes_all_rows():
    data = {"np": np, "x": X, "y": LABELS, "x_val": X[:9] + 1, "y_val": LABELS[:9] + 5}
    facts = classes(LABELS, validation=(data["x_val"], data["y_val"]))
    exec(one(facts).remedies[0].code, data)
    assert (len(data["x"]), len(data["x_val"])) == (ROWS, 9)
    assert set(data["y"]) | set(data["y_val"]) > set(LABELS)
    np.testing.assert_array_equal(np.sort([*data["x"], *data["x_val"]], 0)[:, 0][:1], X[:, 0].min())


def test_remedies_change_validation_data_too():
    finding = one(classes(LABELS + 1, validation=(X, LABELS + 1)))
    assert finding.remedies[0].code.splitlines()[-1] == "y_val = np.searchsorted(classes, y_val)"
    finding = one(bits(x=100 * X, validation=(100 * X, BITS)))
    assert "normalization(x_val)" in finding.remedies[0].code


@pytest.mark.parametrize(
    "facts",
    [
        bits(validation=(X[:30], BITS[:30])),
        bits(validation=(2 * X + 1, BITS[:, None])),
        bits(x=abs(X), validation=(abs(X) - 0.01, BITS)),
        bits(x=np.exp(X), validation=(np.exp(X[:30] * 1.3), BITS[:30])),
        classes(LABELS, validation=(X[:30], LABELS[:30])),
        numbers(NUMBERS, validation=(X, 3 * NUMBERS)),
        numbers(RNG.integers(0, 300, ROWS) / 100, validation=(X, RNG.integers(0, 300, ROWS) / 100)),
    ],
)
def test_validation_data_that_fit(facts):
    assert not diagnosed(facts)


def test_unshuffled_split():
    finding = one(classes(ORDERED, plan=SPLIT))
    assert (finding.name, finding.severity) == ("unshuffled_split", "error")
    train, validation = ORDERED[ORDERED < 4], ORDERED[ORDERED == 4]
    facts = classes(train, plan=SPLIT, validation=(X, validation))
    assert one(facts).name == "unshuffled_split"
    assert one(classes(ORDERED, plan=UNSHUFFLED)).severity == "warning"


@pytest.mark.parametrize(
    "facts",
    [
        classes(LABELS, plan=SPLIT),
        classes(LABELS, plan=UNSHUFFLED),
        classes(ORDERED),
        classes(ORDERED, plan=SPLIT, validation=(X, LABELS)),
        bits(np.array([0, 0, 0, 1]), x=X[:4], plan=UNSHUFFLED),
    ],
)
def test_rows_that_are_shuffled_or_need_not_be(facts):
    assert not diagnosed(facts)


def test_class_imbalance_is_worth_a_note():
    y = (np.arange(ROWS) % 20 == 0) * 1
    finding = one(bits(y))
    assert (finding.name, finding.severity) == ("class_imbalance", "info")
    assert finding.remedies[0].code == (
        "model.fit(x, y, batch_size=20, epochs=50, class_weight={0: 0.526, 1: 10.0})"
    )


@pytest.mark.parametrize(("skill", "severity"), [(0.4, "warning"), (0.6, "info"), (np.nan, "info")])
def test_rare_classes_are_missed_where_a_simple_function_misses_them(skill, severity):
    y = (np.arange(ROWS) % 20 == 0) * 1
    finding = one(dataclasses.replace(bits(y), curved_skill=skill))
    assert (finding.name, finding.severity) == ("class_imbalance", severity)


def test_weights_that_leave_hardly_anything_of_a_class():
    y = (np.arange(ROWS) % 5 == 0) * 1

    def weighted(common, rare):
        return bits(y, plan=PlanFacts(ROWS, 20, 50, class_weight={0.0: common, 1.0: rare}))

    finding = one(weighted(10, 1))
    assert (finding.name, finding.where) == ("class_imbalance", "class_weight")
    assert finding.evidence[0].value == pytest.approx(1 / 41)
    assert finding.remedies[0].code.endswith("class_weight={0: 0.625, 1: 2.5})")
    assert one(weighted(1, 1000)).name == "class_imbalance"
    for common, rare in ((1, 1), (1, 10), (1, 30), (2, 1)):
        assert not diagnosed(weighted(common, rare))


def test_pixels_of_resized_images_are_divided_too():
    flat = np.interp(X, (X.min(), X.max()), (0, 255))
    x = np.concatenate([flat, flat, flat], axis=1)
    layers = (dense("d", 16, 24), dense("head", 1, 16, "sigmoid"))
    assert one(bits(x=x, layers=layers)).remedies[0].code == "x = x / 255"
    assert "Normalization" in one(bits(x=x - 1, layers=layers)).remedies[0].code
