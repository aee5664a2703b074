"""Dropout against its formula: what it keeps, what it scales, and what it refuses."""

import copy

import keras
import numpy as np
import pytest

from keras_trainkit.layers import Dropout
from tests.contracts import array, assert_close, assert_round_trips
from tests.layers.derivatives import differentiated
from tests.references import layers as references


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Contract


@pytest.mark.parametrize(
    "arguments", [{"rate": 0.3}, {"rate": 0, "noise_shape": [None, 1, 4], "seed": 7, "name": "d"}]
)
def test_config_round_trips(arguments):
    assert_round_trips(Dropout(**arguments))


def test_config_holds_the_present_rate():
    layer = Dropout(0.3)
    layer.rate = 0.1
    assert assert_round_trips(layer).rate == 0.1
    assert copy.deepcopy(layer).rate == 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 1.2}, "`rate` must be in [0, 1). Received: rate=1.2"),
        ({"rate": 1}, "`rate` must be in [0, 1). Received: rate=1"),
        ({"rate": float("nan")}, "`rate` must be in [0, 1). Received: rate=nan"),
        ({"rate": "0.5"}, "`rate` must be in [0, 1). Received: rate='0.5'"),
        ({"rate": 0.5, "seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        (
            {"rate": 0.5, "noise_shape": (2, -1)},
            "`noise_shape` must be a sequence of positive integers and None. "
            "Received: noise_shape=(2, -1)",
        ),
        ({"rate": 0.5, "noise_shape": 3}, "and None. Received: noise_shape=3"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        Dropout(**arguments)
    assert message in str(error.value)


def test_refuses_a_bad_rate_and_keeps_the_old_one():
    layer = Dropout(0.3)
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\). Received: rate=1.0"):
        layer.rate = 1.0
    assert layer.rate == 0.3


def test_refuses_a_noise_shape_of_another_rank():
    with pytest.raises(ValueError, match="`noise_shape` must be of the inputs' rank 2"):
        Dropout(0.5, noise_shape=(2, 1, 3))(random(2, 3), training=True)


def test_has_no_weights():
    model = keras.Sequential([keras.Input((3,)), Dropout(0.5)])
    assert model.weights == []
    assert model.count_params() == 0


@pytest.mark.parametrize(
    ("dtype", "rounding"), [("mixed_float16", 2.0**-11), ("mixed_bfloat16", 2.0**-8)]
)
def test_half_precision_rounds_once_and_does_not_overflow(dtype, rounding):
    layer = Dropout(0.9, dtype=dtype)
    x = np.round(4096 * (1 + np.random.default_rng(0).integers(0, 64, (100, 100)) / 128))
    y, dx = (np.asarray(a, "float64") for a in differentiated(layer)(x, x))
    for result in (y, dx):
        np.testing.assert_allclose(result, x / (1 - 0.9) * (y != 0), rtol=1.001 * rounding)


def test_passes_masks_on():
    inputs = keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    np.testing.assert_array_equal(array(Dropout(0.5)(inputs)._keras_mask), [[True, False]])


def test_trains_with_unknown_sizes():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, Dropout(0.5, noise_shape=(None, 1, None))(inputs))
    for batch, steps in ((2, 4), (5, 6)):
        y = array(model(np.ones((batch, steps, 3), "float32"), training=True))
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert model.predict(np.ones((2, 7, 3)), verbose=0).shape == (2, 7, 3)


# Truth


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_output_and_gradient_are_mask_over_keep_probability(rate):
    x, upstream = random(40, 50), random(40, 50, seed=1)
    y, dx = differentiated(Dropout(rate))(x, upstream)
    expected = references.dropout(x, upstream, y != 0, rate)
    assert_close(y, expected[0])
    assert_close(dx, expected[1])


@pytest.mark.backend("tensorflow", "torch")
def test_scales_in_float64(float64):
    x = random(40, 50).astype("float64")
    y, dx = differentiated(Dropout(0.1))(x, x)
    expected = references.dropout(x, x, y != 0, 0.1)
    assert_close(y, expected[0], "float64")
    assert_close(dx, expected[1], "float64")


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_is_the_identity_at_inference_and_for_rate_zero(rate, training):
    x = random(40, 50)
    np.testing.assert_array_equal(array(Dropout(rate)(x, training=training)), x)


def test_drops_what_is_not_finite():
    y = array(Dropout(0.5, seed=0)(np.full((100,), np.inf, "float32"), training=True))
    assert set(y) == {0.0, np.inf}


# Properties


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_drops_the_expected_fraction(rate):
    y = array(Dropout(rate)(np.ones((400, 500), "float32"), training=True))
    spread = (rate * (1 - rate) / y.size) ** 0.5
    assert abs((y == 0).mean() - rate) < 4 * spread
    assert abs(y.mean() - 1) < 4 * spread / (1 - rate)


def test_masks_of_steps_and_of_positions_are_independent():
    layer = Dropout(0.5)
    masks = np.stack([array(layer(np.ones((100, 64)), training=True)) != 0 for _ in range(20)])
    for one, other in ((masks[:-1], masks[1:]), (masks[..., :-1], masks[..., 1:])):
        assert abs((one == other).mean() - 0.5) < 4 * 0.5 / one.size**0.5


def test_one_seed_gives_one_stream():
    x = np.ones((20, 30), "float32")
    first, second, other = Dropout(0.5, seed=3), Dropout(0.5, seed=3), Dropout(0.5, seed=4)
    streams = [np.stack([array(d(x, training=True)) for _ in range(3)]) for d in (first, second)]
    np.testing.assert_array_equal(*streams)
    assert (array(other(x, training=True)) != streams[0][0]).any()


def test_noise_shape_shares_the_mask():
    y = array(Dropout(0.5, noise_shape=(None, 1, 6))(np.ones((5, 4, 6)), training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert (y[0] != y[1]).any()
