import keras
import numpy as np
import pytest

from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CosineDecayRestarts,
    CyclicalLearningRate,
    NoamDecay,
    OneCycle,
    OneCycleMomentum,
    PolynomialDecay,
    WarmupStableDecay,
)
from tests import contracts
from tests.references import schedules as references

STEPS = range(10_000)
SHAPES = [
    (ConstantLearningRate(0.3), references.constant, (0.3,)),
    (PolynomialDecay(2.0, 4000, 0.1), references.polynomial, (2.0, 4000, 0.1, 1)),
    (PolynomialDecay(2.0, 4000, 0.0, 0.5), references.polynomial, (2.0, 4000, 0.0, 0.5)),
    (PolynomialDecay(2.0, 333.5, 0.1, 3), references.polynomial, (2.0, 333.5, 0.1, 3)),
    (
        PolynomialDecay(2.0, 700, 0.1, 2, cycle=True),
        references.polynomial_in_cycles,
        (2.0, 700, 0.1, 2),
    ),
    (
        PolynomialDecay(2.0, 62.5, 0.1, cycle=True),
        references.polynomial_in_cycles,
        (2.0, 62.5, 0.1, 1),
    ),
    (CosineDecay(2.0, 4000), references.cosine, (2.0, 4000, 0.0)),
    (CosineDecay(2.0, 77.7, alpha=0.1), references.cosine, (2.0, 77.7, 0.1)),
    (CosineDecayRestarts(2.0, 100), references.restarts, (2.0, 100, 2, 1.0, 0.0)),
    (
        CosineDecayRestarts(2.0, 64, 1.5, 0.8, 0.1),
        references.restarts,
        (2.0, 64, 1.5, 0.8, 0.1),
    ),
    (CosineDecayRestarts(2.0, 333, 1, 0.9), references.restarts, (2.0, 333, 1, 0.9, 0.0)),
    (CosineDecayRestarts(2.0, 12.5, 3, 1.1), references.restarts, (2.0, 12.5, 3, 1.1, 0.0)),
    (OneCycle(2.0, 7000), references.one_cycle, (0.08, 2.0, 8e-6, 7000, 0.3, True)),
    (
        OneCycle(2.0, 999, 0.45, 10, 20, "linear"),
        references.one_cycle,
        (0.2, 2.0, 0.01, 999, 0.45, False),
    ),
    (
        OneCycleMomentum(0.1, 0.9, 7000, 0.25, "linear"),
        references.one_cycle,
        (0.9, 0.1, 0.9, 7000, 0.25, False),
    ),
    (
        OneCycle(2.0, 999, 0.45, 10, 20).momentum(0.6, 0.7),
        references.one_cycle,
        (0.7, 0.6, 0.7, 999, 0.45, True),
    ),
    (CyclicalLearningRate(0.1, 2.0, 700), references.cyclical, (0.1, 2.0, 700, 1.0, 1.0)),
    (
        CyclicalLearningRate(0.1, 2.0, 700, "triangular2"),
        references.cyclical,
        (0.1, 2.0, 700, 0.5, 1.0),
    ),
    (
        CyclicalLearningRate(2.0, 0.1, 700, "exp_range", 0.9999),
        references.cyclical,
        (2.0, 0.1, 700, 1.0, 0.9999),
    ),
    *[
        (
            WarmupStableDecay(2.0, 7000, 700, 2000, kind, alpha),
            references.warmup_stable_decay,
            (2.0, 7000, 700, 2000, kind, alpha),
        )
        for kind, alpha in [("linear", 0.0), ("cosine", 0.1), ("sqrt", 0.2)]
    ],
    (
        WarmupStableDecay(2.0, 900, 0, 900),
        references.warmup_stable_decay,
        (2.0, 900, 0, 900, "linear", 0.0),
    ),
    (NoamDecay(512, 4000), references.noam, (512, 4000, 1.0)),
    (NoamDecay(16, 30, 2.0), references.noam, (16, 30, 2.0)),
]
each_shape = pytest.mark.parametrize(
    ("schedule", "reference", "arguments"), SHAPES, ids=[type(s).__name__ for s, *_ in SHAPES]
)
only_schedule = pytest.mark.parametrize(
    "schedule", [s for s, *_ in SHAPES], ids=[type(s).__name__ for s, *_ in SHAPES]
)
with_an_end = pytest.mark.parametrize(
    ("schedule", "first", "end"),
    [
        (PolynomialDecay(0.1, 77, 0.003), 0.1, 0.003),
        (PolynomialDecay(0.3, 7, 0.0, 0.5), 0.3, 0.0),
        (CosineDecay(0.1, 77), 0.1, 0.0),
        (CosineDecay(0.3, 77.7, alpha=0.3), 0.3, 0.3 * 0.3),
        *[
            (OneCycle(0.3, total, share, 25, factor, anneal), 0.3 / 25, 0.3 / 25 / factor)
            for total, share in [(7, 0.37), (1000, 0.3), (13.3, 0.3)]
            for factor in (1e4, 1e12)
            for anneal in ("cos", "linear")
        ],
        (OneCycleMomentum(0.85, 0.95, 13), 0.95, 0.95),
        (OneCycle(0.1, 10, pct_start=0.0), 0.1, 0.1 / 25 / 1e4),
        (OneCycle(0.1, 10, pct_start=1.0), 0.1 / 25, 0.1),
        *[
            (WarmupStableDecay(0.1, 70, 20, 30, kind, 0.3), 0.0, 0.3 * 0.1)
            for kind in ("linear", "cosine", "sqrt")
        ],
        (WarmupStableDecay(0.1, 70, 0, 30), 0.1, 0.0),
    ],
)


def at_step(schedule, step: int) -> float:
    """Return the value that a counter in the optimizer's type gives."""
    return float(keras.ops.convert_to_numpy(schedule(keras.ops.convert_to_tensor(step, "int32"))))


# Truth


@each_shape
def test_equals_the_paper_at_every_step(schedule, reference, arguments):
    expected = reference(STEPS, *arguments)
    contracts.assert_close(schedule(np.array(STEPS)), expected, "float64")
    tensor = keras.ops.arange(len(STEPS), dtype="int32")
    contracts.assert_close(schedule(tensor), expected, "float32")


@pytest.mark.host
@only_schedule
def test_one_step_at_a_time_equals_all_at_once_in_any_order(schedule):
    steps = np.random.default_rng(0).permutation(len(STEPS))
    rates = schedule(np.array(STEPS))
    one_by_one = [schedule(int(step)) for step in steps[:2000]]
    np.testing.assert_allclose(one_by_one, rates[steps[:2000]], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(schedule(steps), rates[steps], rtol=1e-12, atol=1e-15)


@pytest.mark.host
@only_schedule
def test_meets_no_division_by_zero_and_no_overflow(schedule):
    steps = np.concatenate([np.array(STEPS), [2**31 - 1]])
    with np.errstate(all="raise", under="ignore"):
        assert np.all(np.isfinite(schedule(steps)))
        assert np.isfinite(schedule(0))


# Properties


@with_an_end
def test_is_exact_at_both_ends_and_stays(schedule, first, end):
    n = int(np.ceil(schedule.length))
    assert schedule(0) == first
    for step in (n, n + 1, 100 * n, 2**31 - 1):
        assert schedule(step) == end
    assert at_step(schedule, 0) == pytest.approx(first, rel=1e-6, abs=0)
    for step in (n, n + 1, 2**31 - 1):
        assert at_step(schedule, step) == pytest.approx(end, rel=1e-6, abs=0)


@pytest.mark.host
@with_an_end
def test_stays_between_its_ends_and_its_peak(schedule, first, end):
    high = max(first, getattr(schedule, "max_learning_rate", 0.1))
    low = min(first, end, getattr(schedule, "low", 1.0))
    rates = schedule(np.arange(2 * int(schedule.length) + 2))
    assert low * (1 - 1e-15) <= rates.min()
    assert rates.max() <= high * (1 + 1e-15)


@pytest.mark.host
@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_a_decay_falls_until_its_end_and_never_rises(power):
    for schedule in (PolynomialDecay(0.1, 777, 0.01, power), CosineDecay(0.1, 777, 0.1)):
        steps = np.diff(schedule(np.arange(2000)))
        assert np.all(steps[:777] < 0)
        assert np.all(steps[777:] == 0)


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.77, 1.0])
def test_one_cycle_rises_and_then_falls_and_its_momentum_mirrors_it(share, anneal):
    schedule = OneCycle(0.3, 100, share, anneal=anneal)
    turn = round(100 * share)
    rates, momentum = schedule(np.arange(101)), schedule.momentum()(np.arange(101))
    assert np.all(np.diff(rates[: turn + 1]) > 0)
    assert np.all(np.diff(rates[turn:]) < 0)
    assert np.all(np.diff(momentum[: turn + 1]) < 0)
    assert np.all(np.diff(momentum[turn:]) > 0)
    assert rates[turn] == 0.3
    assert momentum[turn] == 0.85
    contracts.assert_close(at_step(schedule, turn), 0.3)


@pytest.mark.host
@pytest.mark.parametrize("kind", ["linear", "cosine", "sqrt"])
def test_warmup_stable_decay_is_exact_on_its_plateau(kind):
    schedule = WarmupStableDecay(0.3, 100, 20, 50, kind, alpha=0.1)
    rates = schedule(np.arange(101))
    assert np.all(rates[20:51] == 0.3)
    assert np.all(np.diff(rates[:21]) > 0)
    assert np.all(np.diff(rates[50:]) < 0)
    assert rates[10] == 0.15


@pytest.mark.host
def test_noam_peaks_at_the_end_of_its_warmup():
    rates = NoamDecay(512, 4000)(np.arange(20_000))
    assert np.argmax(rates) == 3999
    assert rates.max() == pytest.approx((512 * 4000) ** -0.5, rel=1e-14)
