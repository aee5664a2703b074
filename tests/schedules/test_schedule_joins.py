import keras
import numpy as np
import pytest

from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseSqrtDecay,
    NoamDecay,
    OneCycle,
    PolynomialDecay,
    Scaled,
    WarmupStableDecay,
)
from tests import contracts
from tests.callbacks.paced import line
from tests.references import schedules as references
from tests.schedules.examples import CLASSES, example
from tests.schedules.training import steps_taken

STEPS = np.arange(10_000)
FALL = CosineDecay(2.0, 3000, 0.1)
OTHER = ExponentialDecay(1.0, 500, 0.5)

each_class = pytest.mark.parametrize("cls", CLASSES)


def later(schedule, n: int) -> np.ndarray:
    """Return the schedule's values, n steps late, at the steps from n on."""
    return schedule(STEPS[: len(STEPS) - n])


def on_tensors(schedule, steps: np.ndarray) -> np.ndarray:
    tensor = keras.ops.convert_to_tensor(steps.astype("int32"))
    return keras.ops.convert_to_numpy(schedule(tensor))


JOINED = {
    "linear warmup": (
        FALL.warmup(700),
        lambda: [*(2.0 * references.rise(700, "linear", 0.0)), *later(FALL, 700)],
    ),
    "linear warmup from a start": (
        FALL.warmup(333, start=0.25),
        lambda: [*(2.0 * references.rise(333, "linear", 0.25)), *later(FALL, 333)],
    ),
    "cosine warmup": (
        OTHER.warmup(700, "cosine", 0.1),
        lambda: [*references.rise(700, "cosine", 0.1), *later(OTHER, 700)],
    ),
    "exponential warmup": (
        OTHER.warmup(700, "exponential", 0.01),
        lambda: [*references.rise(700, "exponential", 0.01), *later(OTHER, 700)],
    ),
    "no warmup": (FALL.warmup(0), lambda: FALL(STEPS)),
    "hold": (FALL.hold(700), lambda: [*[2.0] * 700, *later(FALL, 700)]),
    "no hold": (FALL.hold(0), lambda: FALL(STEPS)),
    "scaled": (0.25 * FALL, lambda: FALL(STEPS) / 4),
    "then": (
        FALL.then(OTHER, after=1234),
        lambda: [*FALL(STEPS[:1234]), *later(OTHER, 1234)],
    ),
    "then at the end": (FALL.then(OTHER), lambda: [*FALL(STEPS[:3000]), *later(OTHER, 3000)]),
    "three in a row": (
        FALL.then(FALL * 0.5).then(OTHER),
        lambda: [*FALL(STEPS[:3000]), *FALL(STEPS[:3000]) / 2, *later(OTHER, 6000)],
    ),
    "second of two": (
        FALL.then(FALL.then(OTHER, after=10)),
        lambda: [*FALL(STEPS[:3000]), *FALL(STEPS[:10]), *later(OTHER, 3010)],
    ),
    "a warmup inside a warmup": (
        FALL.warmup(100, start=0.5).warmup(50),
        lambda: [
            *(1.0 * references.rise(50, "linear", 0.0)),
            *(2.0 * references.rise(100, "linear", 0.5)),
            *later(FALL, 150),
        ],
    ),
}


# Truth


@pytest.mark.parametrize("name", JOINED)
def test_equals_its_parts_side_by_side_at_every_step(name):
    schedule, parts = JOINED[name]
    expected = np.array(parts())
    with np.errstate(all="raise", under="ignore"):
        rates = schedule(STEPS)
    contracts.assert_close(rates, expected, "float64")
    contracts.assert_close(on_tensors(schedule, STEPS), expected, "float32")
    assert [schedule(int(step)) for step in STEPS[::-7]] == pytest.approx(rates[::-7], rel=1e-14)


@pytest.mark.parametrize(
    "schedule",
    [
        CosineDecay(0.1, "100%").warmup("1 epoch", "cosine", 0.2).hold("10%") * 2.0,
        OneCycle(0.1, "50%").then(ConstantLearningRate(0.05), after="60%").warmup("2 steps"),
        WarmupStableDecay(0.1, "40%", "10%").then(CosineDecayRestarts(0.1, "1 epoch").hold(3)),
    ],
    ids=["warmup and hold", "one cycle and a constant", "restarts after the end"],
)
def test_a_bound_schedule_is_the_steps_that_a_compiled_fit_takes(schedule):
    schedule = schedule.bind(6, 5)
    taken = steps_taken(line(learning_rate=schedule), steps=30)
    np.testing.assert_allclose(taken, schedule(np.arange(30)), atol=1e-6)


# Properties


@pytest.mark.host
@each_class
def test_each_schedule_can_be_warmed_held_scaled_and_followed(cls):
    schedule, steps = example(cls), np.arange(60)
    rates = schedule(steps)
    np.testing.assert_array_equal(schedule.hold(9)(steps + 9), rates)
    np.testing.assert_array_equal(schedule.hold(9)(steps[:9]), [rates[0]] * 9)
    np.testing.assert_array_equal(schedule.warmup(9)(steps + 9), rates)
    np.testing.assert_array_equal((3 * schedule)(steps), 3 * rates)
    np.testing.assert_array_equal((schedule * 3)(steps), 3 * rates)
    np.testing.assert_array_equal(schedule.then(OTHER, after=9)(steps[:9]), rates[:9])
    np.testing.assert_array_equal(OTHER.then(schedule, after=9)(steps + 9), rates)


@pytest.mark.parametrize("after", [1, 3, 2**24 + 1, 2**30 + 7, 2.5, 7.0])
def test_switches_at_exactly_the_first_step_that_is_not_before(after):
    schedule = ConstantLearningRate(1.0).then(ConstantLearningRate(2.0), after=after)
    first = int(np.ceil(after))
    steps = np.array([0, first - 1, first, first + 1])
    for rates in (schedule(steps), on_tensors(schedule, steps)):
        assert list(rates) == [1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("n", [3, 2**24 + 1, 2**30 + 7])
def test_begins_late_by_exactly_the_steps_held(n):
    fall = PolynomialDecay(1.0, 4, 0.0)
    for schedule in (fall.hold(n), fall.warmup(n)):
        for rates in (schedule(n + np.arange(6)), on_tensors(schedule, n + np.arange(6))):
            assert list(rates) == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


@pytest.mark.host
@pytest.mark.parametrize(
    ("kind", "start"), [("linear", 0.0), ("linear", 0.3), ("cosine", 0.1), ("exponential", 0.1)]
)
def test_a_warmup_rises_without_a_jump_from_its_start(kind, start):
    for schedule in (FALL, NoamDecay(16, 12), InverseSqrtDecay(0.1, 5, 0.5)):
        rates = schedule.warmup(1000, kind, start)(np.arange(1001))
        assert rates[0] == pytest.approx(start * schedule(0), rel=1e-15)
        assert rates[1000] == schedule(0)
        assert np.all(np.diff(rates) > 0)
        assert np.diff(rates).max() < 0.005 * schedule(0)


@pytest.mark.host
@pytest.mark.parametrize(
    ("schedule", "length"),
    [
        (FALL, 3000),
        (FALL.warmup(7), 3007),
        (FALL.hold(7), 3007),
        (FALL * 2, 3000),
        (FALL.then(FALL), 6000),
        (FALL.then(FALL, after=9), 3009),
        (OTHER.then(FALL, after=9), 3009),
        (WarmupStableDecay(0.1, 50), 50),
        (OneCycle(0.1, 50).momentum(), 50),
        *[(FALL.then(other), None) for other in (OTHER, NoamDecay(16), ConstantLearningRate(1.0))],
        *[(OTHER.warmup(5), None), (OTHER.hold(5), None), (OTHER * 2, None)],
        (PolynomialDecay(0.1, 5, cycle=True), None),
        (CosineDecayRestarts(0.1, 5), None),
    ],
)
def test_knows_the_step_after_which_nothing_changes(schedule, length):
    assert schedule.length == length
    if length is not None:
        rates = schedule(length + np.arange(100))
        assert np.all(rates == rates[0])
        assert schedule(length - 1) != rates[0]


@pytest.mark.host
@pytest.mark.parametrize(
    "first",
    [
        CosineDecay(0.1, "100%").warmup(200),
        CosineDecay(0.1, "100%").hold("200 steps"),
        CosineDecay(0.1, "50%").then(CosineDecay(0.1, "100%"), after=200),
        WarmupStableDecay(0.1, warmup_steps=500),
        WarmupStableDecay(0.1, "10 epochs", warmup_steps=500),
        WarmupStableDecay(0.1, "10 epochs", warmup_steps="20%", decay_steps=200),
        OneCycle(0.1).warmup("5 epochs") * 2,
    ],
)
def test_a_first_schedule_that_is_not_bound_has_its_end_all_the_same(first):
    bound = first.then(ConstantLearningRate(0.5)).bind(100, 60)
    end = first.bind(100, 60).length
    assert bound(end) == 0.5
    assert bound(end - 1) == first.bind(100, 60)(end - 1)


@pytest.mark.host
def test_a_numpy_number_scales_like_any_other():
    for schedule in (np.float64(0.5) * FALL, FALL * np.float32(0.5), FALL * np.int64(1) * 0.5):
        assert type(schedule) is Scaled
        assert schedule(0) == 1.0


@pytest.mark.host
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint32", "uint64"])
def test_counts_in_any_integer_type(dtype):
    steps = np.array([0, 3, 100], dtype)
    for schedule, _ in JOINED.values():
        np.testing.assert_array_equal(schedule(steps), schedule(steps.astype("int64")))
        assert schedule(steps[1]) == schedule(3)
