"""Where a period begins: exactly on its step, in float64 and float32, early and late."""

from fractions import Fraction

import keras
import numpy as np
import pytest

from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecayRestarts,
    CyclicalLearningRate,
    ExponentialDecay,
    PolynomialDecay,
)
from tests import contracts
from tests.references import schedules as references
from tests.selection import full_on_torch

LARGEST = 2**31 - 2
STEPS = np.arange(10_000)
# Batches in an epoch, divided by `gradient_accumulation_steps`: an epoch in steps.
EPOCHS = [Fraction(10, 3), Fraction(7, 3), Fraction(22, 7), Fraction(97, 13), Fraction(391, 16)]
FACTORS = [1, 1.1, 1.25, 1.3, 1.5, 1.7, 2, 3, 10]


def restarts(first: int, t_mul: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a period begins, and the period's number, in exact fractions."""
    begin, length, found = Fraction(0), Fraction(first), []
    for period in range(100):
        if begin > LARGEST:
            break
        if begin.denominator == 1:
            found.append((int(begin), period))
        begin, length = begin + length, length * Fraction(str(t_mul))
    return tuple(np.array(found).T)


def on_tensors(schedule, steps: np.ndarray) -> np.ndarray:
    # One length for most, as some backends compile anew for each.
    length = max(len(steps), 1000)
    tensor = keras.ops.convert_to_tensor(np.resize(steps, length).astype("int32"))
    return keras.ops.convert_to_numpy(schedule(tensor))[: len(steps)]


@pytest.mark.parametrize("t_mul", full_on_torch(FACTORS, keep=(1.3, 2)))
def test_restarts_exactly_where_a_period_ends_and_ends_low_before(t_mul):
    for first in (1, 7, 30, 64, 100, 1000, 4096, 1_000_000):
        steps, period = restarts(first, t_mul)
        schedule = CosineDecayRestarts(1.0, first, t_mul, m_mul=0.9)
        peaks = 0.9**period
        np.testing.assert_allclose(schedule(steps), peaks, rtol=1e-12)
        np.testing.assert_allclose(on_tensors(schedule, steps), peaks, rtol=2e-5)
        lengths = first * t_mul ** (period[1:] - 1.0)
        lowest = peaks[1:] / 0.9 * (1 + np.cos(np.pi * (1 - 1 / lengths))) / 2
        np.testing.assert_allclose(schedule(steps[1:] - 1), lowest, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(on_tensors(schedule, steps[1:] - 1), lowest, atol=2e-6)


@pytest.mark.parametrize(
    ("schedule", "period"),
    [
        (CyclicalLearningRate(0.1, 2.0, 7), 14),
        (CyclicalLearningRate(0.1, 2.0, 2.5), 5),
        (CyclicalLearningRate(0.1, 2.0, 12_345), 24_690),
        (CosineDecayRestarts(2.0, 7, t_mul=1), 7),
        (CosineDecayRestarts(2.0, 12_345, t_mul=1), 12_345),
    ],
)
def test_keeps_its_phase_past_the_integers_of_float32(schedule, period):
    phase = np.arange(min(period, 1000))
    for begin in (2**24, 2**27 + 1, LARGEST - 30_000):
        begin = -(-begin // period) * period
        contracts.assert_close(on_tensors(schedule, begin + phase), schedule(phase))
        contracts.assert_close(schedule(begin + phase), schedule(phase), "float64")


def test_a_polynomial_in_cycles_reaches_its_end_on_the_step_past_the_integers_of_float32():
    schedule = PolynomialDecay(1.0, 2**24 + 1, 0.0, cycle=True)
    ends = np.array([2**24 + 1, 3 * (2**24 + 1)])
    np.testing.assert_allclose(schedule(ends), 0, atol=1e-12)
    np.testing.assert_allclose(on_tensors(schedule, ends), 0, atol=1e-6)
    np.testing.assert_allclose(on_tensors(schedule, ends + 1), [1 / 2, 1 / 4], atol=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        CyclicalLearningRate(1e-6, 1.0, 10, "exp_range", gamma=0.9999),
        CosineDecayRestarts(1.0, 10, t_mul=1, m_mul=0.999),
        ExponentialDecay(1.0, 1, 0.9999),
    ],
    ids=lambda schedule: schedule.name,
)
def test_keeps_the_accuracy_of_a_factor_next_to_one(schedule):
    steps = np.array([50_005, 100_005])
    np.testing.assert_allclose(on_tensors(schedule, steps), schedule(steps), rtol=1e-5)


def test_a_gamma_of_zero_leaves_the_lower_learning_rate():
    schedule = CyclicalLearningRate(0.1, 2.0, 5, "exp_range", gamma=0.0)
    assert list(schedule(np.arange(10))) == [0.1] * 10
    contracts.assert_close(on_tensors(schedule, np.arange(10)), [0.1] * 10)


def test_a_staircase_falls_on_the_step_past_the_integers_of_float32():
    schedule = ExponentialDecay(1.0, decay_steps=2**25, decay_rate=0.5, staircase=True)
    np.testing.assert_array_equal(
        on_tensors(schedule, np.array([2**25 - 1, 2**25, 2**26 - 1])), [1.0, 0.5, 0.5]
    )


# Periods that are no whole number of steps


def assert_equals_exact_periods(schedule, exact) -> None:
    """Compare at every step with what fractions tell, in float64 and on tensors."""
    np.testing.assert_allclose(schedule(STEPS), exact, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(on_tensors(schedule, STEPS), exact, rtol=1e-4, atol=1e-4)


each_epoch = pytest.mark.parametrize("epoch", EPOCHS, ids=str)


@each_epoch
def test_a_staircase_falls_on_the_step_that_ends_an_epoch(epoch):
    schedule = ExponentialDecay(1.0, "1 epoch", 0.9995, staircase=True).bind(float(epoch))
    periods = STEPS * epoch.denominator // epoch.numerator
    assert_equals_exact_periods(schedule, 0.9995**periods)
    assert [schedule(int(step)) for step in STEPS[::97]] == list(schedule(STEPS)[::97])


@each_epoch
@pytest.mark.parametrize("waited", [1, 2, 100])
def test_a_late_staircase_falls_on_the_step_that_ends_an_epoch(epoch, waited):
    schedule = ExponentialDecay(1.0, "1 epoch", 0.9995, staircase=True)
    schedule = schedule.hold(f"{waited} epochs").bind(float(epoch))
    periods = STEPS * epoch.denominator // epoch.numerator - waited
    assert_equals_exact_periods(schedule, 0.9995 ** np.maximum(periods, 0))


def test_a_staircase_of_whole_steps_falls_on_its_step_after_waits_that_are_not():
    staircase = ExponentialDecay(1.0, 5, 0.9995, staircase=True)
    periods = np.maximum(STEPS - 10, 0) // 5
    for inner, outer in (("1 epoch", "2 epochs"), ("2 epochs", "1 epoch")):
        schedule = staircase.hold(inner).hold(outer).bind(10 / 3)
        assert_equals_exact_periods(schedule, 0.9995**periods)


@each_epoch
@pytest.mark.parametrize("t_mul", [1.0, 2.0])
def test_restarts_on_the_step_that_ends_an_epoch(epoch, t_mul):
    schedule = CosineDecayRestarts(1.0, "1 epoch", t_mul, m_mul=0.9995).bind(float(epoch))
    exact = references.restarts(STEPS.tolist(), 1.0, epoch, Fraction(t_mul), 0.9995, 0.0)
    assert_equals_exact_periods(schedule, np.array(exact, "float64"))


@each_epoch
def test_late_restarts_with_growing_periods_begin_on_a_step(epoch):
    schedule = CosineDecayRestarts(1.0, "1 epoch", m_mul=0.9).hold("2 epochs").bind(float(epoch))
    held = [max(step - 2 * epoch, 0) for step in STEPS.tolist()]
    exact = references.restarts(held, 1.0, epoch, 2, 0.9, 0.0)
    assert_equals_exact_periods(schedule, np.array(exact, "float64"))


@each_epoch
def test_a_polynomial_in_cycles_ends_on_the_step_that_ends_an_epoch(epoch):
    schedule = PolynomialDecay(1.0, "1 epoch", 0.0, cycle=True).bind(float(epoch))
    exact = references.polynomial_in_cycles(STEPS.tolist(), 1.0, epoch, 0.0, 1)
    assert_equals_exact_periods(schedule, np.array(exact, "float64"))


@each_epoch
def test_triangles_turn_on_the_step_that_ends_an_epoch(epoch):
    schedule = CyclicalLearningRate(0.125, 1.0, "0.5 epochs", "triangular2").bind(float(epoch))
    cycles, begun = zip(*(divmod(step, epoch) for step in STEPS.tolist()), strict=True)
    rise = 1 - abs(1 - np.array([2 * steps / epoch for steps in begun], "float64"))
    rise = rise * 0.5 ** np.array(cycles, "float64")
    assert_equals_exact_periods(schedule, 0.125 + 0.875 * rise)
    assert schedule(STEPS).min() == on_tensors(schedule, STEPS).min() == 0.125


@each_epoch
def test_follows_on_the_step_that_ends_an_epoch(epoch):
    joined = ConstantLearningRate(1.0).then(ConstantLearningRate(2.0), after="7 epochs")
    for waited in (0, 1, 2, 100):
        schedule = joined.hold(f"{waited} epochs").bind(float(epoch))
        switched = STEPS * epoch.denominator // epoch.numerator >= 7 + waited
        assert_equals_exact_periods(schedule, 1.0 + switched)


def test_follows_on_the_step_where_fractions_of_steps_add_up():
    for seventh in range(1, 7):
        first = PolynomialDecay(1.0, seventh / 7 + 1, 1.0).warmup((7 - seventh) / 7 + 2, start=0.5)
        schedule = first.then(ConstantLearningRate(2.0))
        assert first.length == 4
        assert (schedule(4), *on_tensors(schedule, np.array([4]))) == (2.0, 2.0)
