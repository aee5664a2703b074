"""The statistics of an output are NumPy's, however many blocks it is taken in."""

import numpy as np
import pytest

from keras_trainkit.diagnosis._preflight.layer_statistics import statistics_of

RNG = np.random.default_rng(0)


def plain(y, kind=""):
    """Return the same statistics, of the whole array at once."""
    y = y.astype("float64")
    units = y.reshape(-1, y.shape[-1])
    dead = (units == 0).all(axis=0).mean() if kind == "relu" else np.nan
    saturated = np.nan
    if kind == "sigmoid":
        saturated = ((y <= 0.01) | (y >= 0.99)).mean()
    if kind == "tanh":
        saturated = (np.abs(y) > 0.98).mean()
    return y.mean(), y.std(), (y == 0).mean(), dead, saturated


@pytest.mark.parametrize("shape", [(8, 100, 100, 3), (3, 70_001), (200_000, 1), (4, 5)])
@pytest.mark.parametrize("kind", ["", "relu", "sigmoid", "tanh"])
def test_all_blocks_count(shape, kind):
    y = RNG.normal(0.3, 1, shape).astype("float32")
    if kind == "relu":
        y = np.maximum(y, 0)
        y[..., 0] = 0
        y[-1, ..., -1] = 1
    np.testing.assert_allclose(statistics_of(y, kind), plain(y, kind), rtol=1e-12)


def test_a_small_deviation_is_seen_beside_a_large_mean():
    y = RNG.normal(1e6, 1e-3, (1000, 100))
    assert statistics_of(y, "")[1] == pytest.approx(y.std(), rel=1e-6)


def test_a_constant_does_not_deviate():
    mean, std, *_ = statistics_of(np.full((3, 50_000), 0.1, "float32"), "")
    assert (mean, std) == (pytest.approx(0.1), 0)


def test_what_is_infinite_has_an_infinite_mean_and_no_deviation():
    mean, std, *_ = statistics_of(np.array([[1.0, np.inf]]), "")
    assert mean == np.inf
    assert np.isnan(std)


def test_softmax_is_saturated_along_its_axes():
    y = np.zeros((2, 2, 3))
    y[0, 0, 0] = 1
    shares = [statistics_of(y, "softmax", axis)[4] for axis in (-1, 1, (1, 2))]
    assert shares == [1 / 4, 1 / 6, 1 / 2]
