import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import STATISTICS, History
from keras_trainkit.diagnosis.history import short_names
from tests.diagnosis.samples import full_history, history, with_values

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"table": np.zeros((1, 1, 8))},
            "`table.shape` must be (steps, variables, statistics) = (1, 1, 10). "
            "Received: table.shape=(1, 1, 8)",
        ),
        ({"epochs": [0, 1]}, "`epochs.shape` must be (steps) = (1,). Received: epochs.shape=(2,)"),
        ({"sizes": []}, "`sizes.shape` must be (variables) = (1,). Received: sizes.shape=(0,)"),
        ({"noise": [1, 2]}, "`noise.shape` must be (steps) = (1,). Received: noise.shape=(2,)"),
        (
            {"histograms": np.zeros((1, 1, 63), "uint8")},
            "`histograms.shape` must be (steps, variables, bins) = (1, 1, 64). "
            "Received: histograms.shape=(1, 1, 63)",
        ),
        (
            {"histograms": np.zeros((1, 1, 64), "int64")},
            "`histograms` must hold unsigned integers. Received: histograms.dtype=int64",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(changes, message):
    fitting = {"steps": [0], "epochs": [0], "sizes": [1], "table": np.zeros((1, 1, 10))}
    History(**fitting, variables=("a",))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        History(**{**fitting, **changes}, variables=("a",))
    assert str(caught.value) == message


def test_what_was_not_measured_may_be_left_out():
    record = history(steps=4)
    assert np.isnan(record.signal).all()
    assert record.signal.shape == record.noise.shape == (4,)
    assert record.histograms is None
    assert record.activations is None
    assert record.events == ()
    assert np.isnan(record.clipping)
    assert np.isnan(record.noise_scale())


def test_repr_is_short():
    assert repr(history()) == "<History of 10 steps, 6 variables>"


def test_statistics_are_read_by_name():
    record = full_history()
    for index, name in enumerate(STATISTICS):
        np.testing.assert_array_equal(record[name], record.table[:, :, index])
    np.testing.assert_allclose(record["update_ratio"], 0.001)
    with pytest.raises(KeyError, match=r"`statistic` must be one of norm, .*'gradient'"):
        record["gradient"]


@pytest.mark.parametrize("norm", [0.0, np.inf])
def test_update_ratio_of_zero_and_of_infinite_weights_is_undefined(norm):
    record = with_values(history(), "weight_norm", norm)
    assert np.isnan(record["update_ratio"]).all()


def test_norms_add_up_over_layers_and_over_everything():
    record = with_values(history(layers=2), "norm", [3.0, 4.0, 5.0, 12.0])
    assert record.layers == ("model/dense_0", "model/dense_1")
    np.testing.assert_allclose(record.by_layer("norm"), [[5.0, 13.0]] * 10)
    np.testing.assert_allclose(record.global_norm, np.sqrt(25 + 169))


def test_ratio_of_many_variables_is_of_their_joint_norms():
    record = with_values(history(layers=1), "weight_norm", [0.0, 1.0])
    np.testing.assert_allclose(record.by_layer("update_ratio"), np.sqrt(2) * 0.002)
    record = with_values(history(layers=2), "weight_norm", [3.0, 4.0, 0.0, np.nan])
    record = with_values(record, "update_norm", [0.0, 0.3, 0.4, np.nan])
    np.testing.assert_allclose(record.global_update_ratio, [0.1] * 10, rtol=1e-6)
    assert np.isnan(with_values(record, "weight_norm", 0.0).global_update_ratio).all()


def test_infinite_norm_stays_and_absent_variable_adds_nothing():
    record = with_values(history(layers=2), "norm", [np.inf, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(record.by_layer("norm"), [[np.inf, 2.0]] * 10)
    record = with_values(history(layers=1), "norm", [np.nan, np.nan])
    assert np.isnan(record.global_norm).all()


def test_large_norms_do_not_overflow():
    record = with_values(history(layers=1), "norm", [3e38, 3e38])
    np.testing.assert_allclose(record.global_norm, 3e38 * np.sqrt(2))


def test_clipping_is_the_share_of_steps_with_a_smaller_norm():
    record = with_values(history(layers=1, steps=5), "norm", 1.0)
    clipped = np.ones((5, 2))
    clipped[0] = 0.5
    clipped[1] = 1 - 1e-7
    clipped[2, 1] = 0.999
    clipped[4] = np.nan
    assert with_values(record, "clipped_norm", clipped).clipping == 0.5


def test_clipping_compares_only_variables_of_which_both_norms_are_known():
    record = with_values(history(layers=1), "clipped_norm", [1.0, np.nan])
    assert with_values(record, "norm", [1.0, 5.0]).clipping == 0.0


def test_clipping_that_makes_an_infinite_norm_finite_counts():
    record = with_values(history(layers=1), "norm", np.inf)
    assert with_values(record, "clipped_norm", 1.0).clipping == 1.0
    assert with_values(record, "clipped_norm", np.inf).clipping == 0.0


def test_noise_scale_is_the_ratio_of_means_over_what_was_recorded():
    noise = np.array([np.nan, 10.0, 30.0, np.inf, 100.0, 300.0])
    signal = np.array([np.nan, 1.0, 3.0, 7.0, 5.0, -1.0])
    record = dataclasses.replace(history(steps=6), noise=noise, signal=signal)
    assert record.noise_scale() == (10 + 30 + 100 + 300) / (1 + 3 + 5 - 1)
    assert record.noise_scale(epoch=0) == 40 / 4
    assert record.noise_scale(epoch=1) == 400 / 4
    assert np.isnan(record.noise_scale(epoch=2))
    assert dataclasses.replace(record, signal=-np.ones(6)).noise_scale() == np.inf


def test_noise_scale_from_the_documented_estimates_is_that_of_the_data():
    rng = np.random.default_rng(0)
    mean, deviation = np.full(50, 0.3), 2.0
    sizes = rng.choice([8, 32], 4001)
    gradients = mean + deviation * rng.normal(size=(4001, 50)) / np.sqrt(sizes)[:, None]
    now, before = gradients[1:], gradients[:-1]
    signal = (now * before).sum(1)
    half = (now**2).sum(1) / 2 + (before**2).sum(1) / 2 - signal
    noise = half * 2 / (1 / sizes[1:] + 1 / sizes[:-1])
    record = dataclasses.replace(history(steps=4000), signal=signal, noise=noise)
    assert record.noise_scale() == pytest.approx(50 * 2.0**2 / (50 * 0.3**2), rel=0.05)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["net/dense/kernel", "net/out/bias"], ["dense/kernel", "out/bias"]),
        (["net/dense", "dropout"], ["dense", "dropout"]),
        (["one/dense", "two/dense"], ["one/dense", "two/dense"]),
        (["net/dense", "dense"], ["net/dense", "dense"]),
        (["dense", "out"], ["dense", "out"]),
        (["net/a/dense", "net/b/dense", "out/dense"], ["a/dense", "b/dense", "out/dense"]),
        (["net/a", "net/b", "left/a", "right/b"], ["net/a", "net/b", "left/a", "right/b"]),
    ],
)
def test_short_names_lack_the_name_of_the_model(paths, names):
    assert short_names(paths) == names
