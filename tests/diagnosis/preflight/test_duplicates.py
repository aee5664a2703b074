"""Rows that are the same, counted the obvious way."""

import math

import keras
import numpy as np
import pytest

from keras_trainkit.diagnosis import preflight
from keras_trainkit.diagnosis._preflight.duplicates import ROWS, duplicates_of

pytestmark = pytest.mark.host

RNG = np.random.default_rng(0)
KINDS = RNG.integers(4, size=300)
X = np.eye(4)[KINDS]


def best(y):
    return duplicates_of(X, y, "float32").best_skill


def test_shares_and_skill_of_a_few_kinds_of_rows():
    y = X[:, :1] + RNG.normal(size=(300, 1))
    means = np.array([y[kind == KINDS].mean() for kind in range(4)])[KINDS]
    expected = 1 - ((y[:, 0] - means) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    found = duplicates_of(X, y, "float32")
    assert (found.rows, found.largest) == (300, np.bincount(KINDS).max() / 300)
    assert found.best_skill == pytest.approx(expected)


def test_classes_count_by_accuracy():
    assert best(KINDS) == 1
    labels = np.where(RNG.uniform(size=300) < 0.5, KINDS, RNG.integers(4, size=300))
    answers = [np.bincount(labels[kind == KINDS]).argmax() for kind in range(4)]
    accuracy, chance = (labels == np.array(answers)[KINDS]).mean(), np.bincount(labels).max() / 300
    assert best(labels) == pytest.approx((accuracy - chance) / (1 - chance))
    assert best(np.eye(4)[labels]) == pytest.approx(best(labels))


def test_different_rows_can_all_be_told_apart():
    x = RNG.normal(size=(300, 5))
    assert duplicates_of(x, KINDS, "float32").best_skill == 1


def test_what_the_network_reads_the_same_is_the_same():
    seconds = 1.7e9 + np.arange(100.0)
    assert duplicates_of(seconds, np.arange(100.0), "float64").largest == 1 / 100
    assert duplicates_of(seconds, np.arange(100.0), "float32").best_skill < 0.99
    assert duplicates_of(np.array([0.0, -0.0]), np.arange(2), "float32").largest == 1


def test_rows_differ_if_any_input_does():
    parts = {"a": np.zeros((300, 2)), "b": KINDS}
    assert duplicates_of(parts, KINDS, "float32").best_skill == 1


def test_the_same_rows_of_large_inputs_and_targets_are_compared():
    labels = np.arange(2 * ROWS) // ROWS
    found = duplicates_of(np.repeat(labels[:, None], 50, axis=1), labels, "float32")
    assert (found.rows, found.best_skill) == (4992, 1)


@pytest.mark.parametrize(
    ("x", "y"),
    [(None, KINDS), (np.array(["a"] * 300), KINDS), (X[:5], KINDS), (np.float32(1), KINDS)],
)
def test_what_is_no_table_is_not_compared(x, y):
    assert duplicates_of(x, y, "float32") is None


def test_nothing_is_said_of_unknown_targets():
    assert math.isnan(duplicates_of(X, [KINDS, KINDS], "float32").best_skill)
    assert math.isnan(best(None))


def test_images_divided_without_a_remainder_are_found():
    images = RNG.integers(0, 255, (200, 8, 8, 1))
    images[::50, 3, 3] = 255
    labels = RNG.integers(3, size=200)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    first = preflight(model, images // 255, labels, epochs=50, one_batch=False)[0]
    assert (first.name, first.severity, first.where) == ("bad_data", "warning", "x")
    healthy = preflight(model, images / 255, labels, epochs=50, one_batch=False)
    assert "bad_data" not in [finding.name for finding in healthy]
