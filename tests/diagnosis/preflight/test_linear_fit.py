import time

import numpy as np
import pytest

from keras_trainkit.diagnosis._preflight.linear_fit import linear_skill

pytestmark = pytest.mark.short("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5))
LINE = X @ np.arange(1.0, 6.0)
RING = ((X**2).sum(axis=1) > 4.5).astype(int)


@pytest.mark.parametrize("y", [LINE, LINE[:, None] + 300, (LINE > 0).astype("int64")])
def test_what_is_linear_is_met(y):
    assert linear_skill(X, y) > 0.9


def test_classes_in_columns_and_as_numbers_are_the_same():
    thirds = np.digitize(X[:, 0], [-0.4, 0.4])
    skill = linear_skill(X, thirds)
    assert skill == pytest.approx(linear_skill([X], np.eye(3)[thirds]))
    assert 0.2 < skill < 1


@pytest.mark.parametrize("y", [RING, X[:, :1] * X[:, 1:2], RNG.normal(size=400)])
def test_what_is_not_linear_is_not(y):
    assert linear_skill(X, y) < 0.2


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (None, None),
        (X, None),
        (X, LINE[:-1]),
        ([X, X], LINE),
        (X[:16], LINE[:16]),
        (np.where(X > 2, np.nan, X), LINE),
        (X.astype(str), LINE),
        (iter([X]), LINE),
    ],
)
def test_what_is_not_known_is_nan(x, y):
    assert np.isnan(linear_skill(x, y))


def test_many_rows_cost_little():
    x = RNG.normal(size=(100_000, 20)).astype("float32")
    start = time.perf_counter()
    assert linear_skill(x, x[:, 0]) > 0.99
    assert time.perf_counter() - start < 1
