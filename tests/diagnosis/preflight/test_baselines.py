"""What simple functions find, beside scikit-learn."""

import math

import numpy as np
import pytest

from keras_trainkit.diagnosis._preflight.baselines import (
    class_advantage,
    curved_skill,
    linear_skill,
)

pytestmark = pytest.mark.host

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 6)) * [1, 1000, 1e-3, 1, 1, 0] + [0, 5, 0, 0, 0, 7]
Z = (X - X.mean(axis=0)) / [1, 1000, 1e-3, 1, 1, 1]


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_the_skill_is_the_share_of_the_variance_that_is_explained(noise):
    signal = Z[:, :3].sum(axis=1)
    y = signal + noise * RNG.normal(size=900)
    expected = 3 / (3 + noise**2)
    assert linear_skill(X, y) == pytest.approx(expected, abs=0.08)


def test_classes_are_told_apart_where_a_line_does():
    assert linear_skill(X, (Z[:, 0] + Z[:, 1] > 0).astype(int)) > 0.8
    assert linear_skill(X, (Z[:, 0] * Z[:, 1] > 0).astype(int)) < 0.2
    corners = np.eye(3)[RNG.integers(3, size=900)]
    assert linear_skill(corners + 0.1 * RNG.normal(size=(900, 3)), corners.argmax(axis=1)) > 0.95
    assert linear_skill(corners + 0.1 * RNG.normal(size=(900, 3)), corners) > 0.95


def test_it_agrees_with_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    y = np.sin(Z[:, 0]) + Z[:, 1] * Z[:, 2] + Z[:, 3]
    half = RNG.permutation(len(X)) % 2 == 0
    theirs = linear_model.LinearRegression().fit(X[half], y[half]).score(X[~half], y[~half])
    assert linear_skill(X, y) == pytest.approx(theirs, abs=0.1)


def test_kernels_find_what_bends():
    bent = np.sin(2 * Z[:, 0]) + Z[:, 1] * Z[:, 2]
    assert linear_skill(X, bent) < 0.3
    assert curved_skill(X, bent) > 0.6
    corners = (Z[:, 0] * Z[:, 1] > 0).astype(int)
    assert curved_skill(X, corners) > 0.6
    assert curved_skill(X, RNG.normal(size=900)) < 0.05


def test_kernels_agree_with_scikit_learn():
    kernel_ridge = pytest.importorskip("sklearn.kernel_ridge")
    y = np.sin(Z[:, 0]) + Z[:, 1] * Z[:, 2] + 0.5 * RNG.normal(size=900)
    z = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    half = RNG.permutation(len(X)) % 2 == 0
    theirs = max(
        kernel_ridge.KernelRidge(alpha=ridge, kernel="rbf", gamma=1 / 5)
        .fit(z[half], y[half])
        .score(z[~half], y[~half])
        for ridge in (1e-3, 1e-2, 0.1, 1.0, 10.0)
    )
    assert curved_skill(X, y) == pytest.approx(theirs, abs=0.1)


def test_kernels_tell_tokens_apart():
    tokens = RNG.integers(0, 6, (900, 4))
    kinds = RNG.permutation(24).reshape(6, 4)[tokens[:, 0], 0] % 3
    assert curved_skill(tokens, kinds) > 0.8
    assert curved_skill(tokens.astype("float32"), kinds) < curved_skill(tokens, kinds)


def test_names_are_told_from_amounts():
    names = RNG.permutation(6)[(3 * (Z[:, 0] > 0) + np.digitize(Z[:, 1], [-0.5, 0.5])).astype(int)]
    amounts = np.clip(np.round(2 + Z[:, 0] + Z[:, 1]), 0, 5).astype(int)
    assert class_advantage(X, names) > 0.25
    assert class_advantage(X, amounts) < 0.1


@pytest.mark.parametrize("y", [Z[:, 0], Z[:, 0] > 0, np.eye(3)[RNG.integers(3, size=900)], None])
def test_there_are_no_names_among_other_targets(y):
    assert math.isnan(class_advantage(X, y))


def test_rows_that_alternate_are_mixed():
    x = np.tile([[1.0, 0.0], [0.0, 1.0]], (100, 1))
    assert linear_skill(x, x[:, 0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (None, None),
        ({"a": X}, X[:, 0]),
        (X, X[:5, 0]),
        (X[:20], X[:20, 0]),
        (X.astype("int64"), X[:, 0]),
        (np.where(X > 1, np.nan, X), X[:, 0]),
        (np.array([["text"]] * 900), X[:, 0]),
        (RNG.normal(size=(900, 2000)), X[:, 0]),
        (X, np.arange(900)[:, None] * np.ones(200)),
    ],
)
def test_it_is_not_known_of_anything_else(x, y):
    assert math.isnan(linear_skill(x, y))


@pytest.mark.parametrize(("x", "y"), [(None, None), ({"a": X}, X[:, 0]), (X[:3], X[:3, 0])])
def test_kernels_need_rows(x, y):
    assert math.isnan(curved_skill(x, y))
