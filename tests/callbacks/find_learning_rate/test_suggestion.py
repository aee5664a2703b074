"""The points that the rules pick on curves whose shape is known."""

import math

import numpy as np
import pytest

from keras_trainkit.callbacks import LearningRateRange
from keras_trainkit.callbacks._find_learning_rate import curve
from keras_trainkit.callbacks._find_learning_rate.curve import fall_and_noise

pytestmark = pytest.mark.host

RATES = np.geomspace(1e-6, 10.0, 141)  # 20 to a decade.
DECADES = np.log10(RATES)


def sigmoid_and_wall(center=-2.0, wall=-0.5):
    """Return a loss that falls from 2 to 1 around 10^center, and explodes beyond 10^wall."""
    falling = 1 + 1 / (1 + np.exp(8 * (DECADES - center)))
    return falling + 10.0 ** (6 * (DECADES - wall))


def found(losses, ending="diverged", smoothing=0.0):
    rates = RATES[: len(losses)]
    return LearningRateRange(rates, losses, curve.smooth(rates, losses, smoothing), ending)


def close(rate, decade, within=0.05):
    return abs(math.log10(rate) - decade) <= within + 1e-9


def test_the_rules_on_a_curve_with_a_fall_and_a_wall():
    result = found(sigmoid_and_wall())
    lowest = DECADES[np.argmin(sigmoid_and_wall())]
    assert close(result.steepest, -2.0)
    assert close(result.valley, (-6.0 + lowest) / 2)
    assert close(result.minimum, lowest, 0.0)
    assert result.suggestion == result.minimum / 5


@pytest.mark.parametrize("shift", [-1.0, 0.5])
def test_the_suggestion_moves_with_the_curve_and_not_with_its_scale(shift):
    there = found(sigmoid_and_wall(-2.0 + shift, -0.5 + shift))
    scaled = found(7 * sigmoid_and_wall() - 30)
    assert close(there.suggestion, math.log10(found(sigmoid_and_wall()).suggestion) + shift)
    assert scaled.suggestion == found(sigmoid_and_wall()).suggestion


def test_noise_moves_the_suggestion_little():
    draw = np.random.default_rng(0)
    true = math.log10(found(sigmoid_and_wall()).suggestion)
    for _ in range(20):
        losses = np.minimum(sigmoid_and_wall(), 4.0) + 0.1 * draw.normal(size=len(RATES))
        assert close(found(losses, smoothing=0.25).suggestion, true, 0.45)


def test_steepest_is_not_sought_behind_the_minimum():
    losses = sigmoid_and_wall()
    losses[-1] = losses[-2] - 5.0  # It bounces back after it has exploded.
    assert close(found(losses).steepest, -2.0)


def test_smoothing_is_the_mean_under_a_gaussian_over_decades():
    draw = np.random.default_rng(0)
    losses = draw.normal(size=len(RATES))
    expected = [
        np.average(losses, weights=np.exp(-((DECADES - center) ** 2) / (2 * 0.3**2)))
        for center in DECADES
    ]
    np.testing.assert_allclose(curve.smooth(RATES, losses, 0.3), expected)
    for width in (0.0, 1e-300):
        np.testing.assert_array_equal(curve.smooth(RATES, losses, width), losses)


def test_smoothing_has_no_lag():
    losses = -np.exp(-((DECADES + 2.5) ** 2))
    assert curve.minimum(curve.smooth(RATES, losses, 0.25)) == curve.minimum(losses)


@pytest.mark.parametrize(
    ("values", "fall"),
    [
        ([5, 4, 3, 2, 1], [0, 1, 2, 3, 4]),
        ([1, 2, 3], [0]),
        ([3, 9, 2, 8, 1, 7], [0, 2, 4]),
        ([5, 1, 4, 3, 2, 6], [0, 2, 3, 4]),
        ([2, 2, 2], [0]),
    ],
)
def test_longest_fall_is_a_subsequence(values, fall):
    assert curve.longest_fall(np.array(values, float)) == fall


def test_limit_is_never_below_the_highest_loss_before():
    assert curve.limit(2.0, 0.1, 4.0) == 2.0
    assert curve.limit(2.0, 1.0, 4.0) == 4.0
    assert curve.limit(-1.0, -3.0, 4.0) == 6.0
    assert curve.limit(2.0, 0.0, math.inf) == math.inf


def test_rates_are_apart_from_two_widths_on():
    rates = np.geomspace(1e-3, 1.0, 13)  # 4 to a decade.
    assert curve.count_apart(rates, 0.3) == 10
    assert curve.count_apart(rates, 0.0) == 11
    assert curve.count_apart(rates, 2.0) == 0


def test_losses_are_cut_off_behind_the_lowest_only():
    losses = np.array([5.0, 6.0, 1.0, 3.0, 1e9])
    np.testing.assert_array_equal(curve.cut_off(losses, 4.0), [5.0, 6.0, 1.0, 3.0, 4.0])


def test_noise_is_measured_about_a_curve_that_falls():
    draw = np.random.default_rng(0)
    noise = 0.05 * draw.normal(size=len(RATES))
    fall, measured = fall_and_noise(sigmoid_and_wall() + noise, sigmoid_and_wall())
    assert fall == pytest.approx(1.0, abs=0.01)
    assert measured == pytest.approx(0.05, rel=0.25)


# What it says


def test_the_reason_names_the_rule_and_its_numbers():
    result = found(sigmoid_and_wall())
    assert result.reason == (
        f"Suggestion {result.suggestion:.3g}: a fifth of {result.minimum:.3g}, where the smoothed "
        f"loss is lowest ({result.losses.min():.3g}, from 2 at the beginning)."
    )


def test_a_loss_that_never_falls_has_no_suggestion():
    draw = np.random.default_rng(1)
    for losses in (np.ones(141), np.linspace(1.0, 2.0, 141), draw.normal(size=141)):
        result = found(losses, ending="end", smoothing=0.25)
        assert math.isnan(result.suggestion)
        assert result.reason.startswith(
            "No suggestion: between 1e-06 and 10 the smoothed loss never fell by more than 1.5 "
            "times what single losses scatter ("
        )
        assert result.reason.endswith(
            "Raise `max_learning_rate`, or raise `steps` or `batch_size`."
        )


def test_a_loss_that_diverges_at_once_asks_for_smaller_rates():
    result = found(np.array([1.0, 2.0, 50.0]))
    assert math.isnan(result.suggestion)
    assert result.reason.endswith("Lower `min_learning_rate`, or raise `steps` or `batch_size`.")


def test_a_fall_that_noise_hides_asks_for_larger_batches():
    noise = 2.0 * np.random.default_rng(0).normal(size=len(RATES))
    result = found(np.minimum(sigmoid_and_wall(), 9.0) + noise, smoothing=0.25)
    assert math.isnan(result.suggestion)
    assert result.reason.endswith("Raise `batch_size` or `steps`.")


def test_a_sweep_of_one_point_has_no_suggestion():
    assert math.isnan(found(np.array([1.0]), "nonfinite").suggestion)
    assert str(found(np.array([1.0]), "nonfinite")).startswith(
        "Learning-rate range test from 1e-06 to"
    )


@pytest.mark.parametrize(("last", "warns"), [(-1.5, True), (0.5, False)])
def test_a_loss_that_never_rises_again_asks_for_larger_rates(last, warns):
    result = found(sigmoid_and_wall()[last >= DECADES], ending="end")
    assert result.suggestion == result.minimum / 5
    asked = result.reason.endswith(
        f" The loss had not risen again at {result.learning_rates[-1]:.3g}, the end: raise "
        "`max_learning_rate` to see whether more is better."
    )
    assert asked == warns
