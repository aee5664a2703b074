import re
from fractions import Fraction

import keras
import numpy as np
import pytest

from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CosineDecayRestarts,
    CyclicalLearningRate,
    ExponentialDecay,
    OneCycle,
    PolynomialDecay,
    Then,
    WarmupStableDecay,
)
from tests import contracts
from tests.schedules.examples import CLASSES, DURATIONS, example

pytestmark = pytest.mark.host

FORMS = 'a number of steps > 0, or a text like "5 epochs" or "10%"'
FORMS_WITH_ZERO = FORMS.replace(">", ">=")

BAD_TEXTS = ["5 epoch s", "-1 epochs", "", "10 %%", "0 epochs", "0%", "0 steps", "1e3 steps", "5"]
BAD_TEXTS += ["5 Epochs", "epochs", "ten epochs", "1,5 epochs", "5 epochs 3", "nan%", "inf steps"]
BAD_NUMBERS = [True, False, None, 0, -1, 0.0, float("nan"), float("inf"), [5], 1j, b"5 epochs"]

# A percentage of a total that is known is known.
UNKNOWN = [(cls, argument, "6 epochs") for cls, argument, _ in DURATIONS] + [
    (cls, argument, "10%")
    for cls, argument, _ in DURATIONS
    if cls is not WarmupStableDecay or argument == "total_steps"
]

each_class = pytest.mark.parametrize("cls", CLASSES)
each_duration = pytest.mark.parametrize(("cls", "argument", "zero"), DURATIONS)


def raises(message: str):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def bound(written, steps_per_epoch, epochs=None):
    """Return in steps what was written as a duration."""
    return CosineDecay(0.1, written).bind(steps_per_epoch, epochs).decay_steps


# Contract


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("3 epochs", 300),
        ("1 epoch", 100),
        ("2.5 epochs", 250),
        (".5epochs", 50),
        ("500 steps", 500),
        ("1 step", 1),
        ("10%", 100),
        (" 10 % ", 100),
        ("12.5%", 125),
        ("150%", 1500),
        ("0.25%", 2.5),
        (250, 250),
        (250.0, 250),
        (2.5, 2.5),
        (np.int64(7), 7),
        (np.float32(2.5), 2.5),
        (np.array(7), 7),
        (np.array(7.0), 7),
    ],
)
def test_reads_numbers_and_texts(written, steps):
    assert bound(written, 100, 10) == steps
    assert type(bound(written, 100, 10)) is type(steps)


@pytest.mark.parametrize("written", [*BAD_TEXTS, *BAD_NUMBERS])
def test_what_is_no_duration_raises_at_construction(written):
    with raises(f"`decay_steps` must be {FORMS}. Received: decay_steps={written!r}"):
        CosineDecay(0.1, written)


@each_duration
def test_every_duration_is_checked_and_may_be_nothing_where_that_makes_sense(cls, argument, zero):
    for written in ("0 epochs", "0%", 0):
        if zero:
            assert example(cls, **{argument: written}).bind(10, 10).get_config()[argument] == 0
        else:
            with raises(f"`{argument}` must be {FORMS}. Received: {argument}={written!r}"):
                example(cls, **{argument: written})
    forms = FORMS_WITH_ZERO if zero else FORMS
    for written in ("5 epoch s", -1, True, None, float("nan"), 10**400, np.array([1, 2])):
        if written is None and cls is Then:
            continue
        with raises(f"`{argument}` must be {forms}. Received: {argument}={written!r}"):
            example(cls, **{argument: written})


@each_duration
def test_a_number_below_one_step_is_an_error_that_asks_for_percent(cls, argument, zero):
    for written, percent in ((0.05, "5"), (0.125, "12.5"), (1.0, "100"), (np.float32(0.5), "50")):
        with raises(
            f"`{argument}` must be at least one step long (did you mean '{percent}%'?). "
            f"Received: {argument}={written!r}"
        ):
            example(cls, **{argument: written})
    with raises(f"`{argument}` must be at least one step long. Received: {argument}='0.5 steps'"):
        example(cls, **{argument: "0.5 steps"})


@each_duration
def test_a_text_that_is_below_one_step_in_this_training_is_an_error(cls, argument, zero):
    schedule = example(cls, **{argument: "0.05 epochs"})
    message = f"`{argument}` must be at least one step long, and this training makes it 0.5. "
    with raises(f"{message}Received: {argument}='0.05 epochs'"):
        schedule.bind(10, 10)


@pytest.mark.parametrize(("cls", "argument", "written"), UNKNOWN)
def test_a_call_says_which_duration_is_not_in_steps(cls, argument, written):
    needed = "`steps_per_epoch`" if "epoch" in written else "`steps_per_epoch` and `epochs`"
    message = (
        f"`{argument}` must be in steps where the length of the training is unknown: give the "
        "schedule to `callbacks.LearningRate`, with `steps_per_epoch` in `fit` if the data has no "
        f"length, or call `schedule.bind` with {needed}. Received: {argument}={written!r}"
    )
    schedule = example(cls, **{argument: written})
    for unbound in (schedule, schedule.warmup(5).hold(5) * 0.5, schedule.then(schedule, after=5)):
        with raises(message):
            unbound(3)
        with raises(message):
            unbound(np.arange(3))
        with raises(message):
            unbound.length  # noqa: B018
    if written == "10%":
        with raises(message):
            schedule.bind(100)


@pytest.mark.parametrize("bad", [0, -1, True, "3", None, float("nan"), float("inf")])
def test_bind_takes_positive_numbers_only(bad):
    for schedule in (CosineDecay(0.1, "5 epochs"), CosineDecay(0.1, 5)):
        with raises(f"`steps_per_epoch` must be a number > 0. Received: steps_per_epoch={bad!r}"):
            schedule.bind(bad, 3)
        if bad is not None:
            with raises(f"`epochs` must be a number > 0. Received: epochs={bad!r}"):
                schedule.bind(3, bad)


# Truth


@pytest.mark.parametrize("accumulated", [1, 3, 4, 5, 7, 10, 13])
def test_whole_epochs_and_percents_of_accumulated_steps_are_exact(accumulated):
    for batches in (26, 97, 391):
        for epochs in (1, 3, 7, 30, 90, 100):
            steps = Fraction(batches * epochs, accumulated)
            each = batches / accumulated
            in_epochs = bound(f"{epochs} epochs", each)
            in_percent = bound("50%", each, epochs)
            for found, exact in ((in_epochs, steps), (in_percent, steps * 50 / 100)):
                assert found == pytest.approx(float(exact), rel=1e-15)
                assert type(found) is (int if exact.denominator == 1 else float)


@pytest.mark.parametrize("percent", ["1.1", "33.3", "0.7", "99.9", "57", "29", "14.5"])
def test_whole_percents_are_exact(percent):
    for steps in (1000, 1234, 100_000, 123_000):
        exact = Fraction(percent) * steps / 100
        found = bound(f"{percent}%", steps, 1)
        assert found == pytest.approx(float(exact), rel=1e-15)
        assert type(found) is (int if exact.denominator == 1 else float)


@each_duration
def test_every_duration_is_bound_to_steps(cls, argument, zero):
    in_epochs = example(cls, **{argument: "1.5 epochs"}).bind(24)
    in_percent = example(cls, **{argument: "10%"}).bind(12, 30)
    steps = 5 if cls is WarmupStableDecay and argument != "total_steps" else 36
    assert in_epochs.get_config() == example(cls, **{argument: 36}).get_config()
    assert in_percent.get_config() == example(cls, **{argument: steps}).get_config()


@each_class
def test_bind_keeps_a_schedule_in_steps_and_its_name(cls):
    schedule = example(cls, name="mine")
    assert schedule.bind(7).get_config() == schedule.get_config()
    assert schedule.bind(2.5, 3).bind(9, 9).get_config() == schedule.get_config()


@each_duration
def test_a_duration_may_end_between_two_steps(cls, argument, zero):
    schedule, steps = example(cls, **{argument: 37.5}), np.arange(100)
    tensor = keras.ops.arange(100, dtype="int32")
    contracts.assert_close(schedule(tensor), schedule(steps))
    # An optimizer counts in another integer type than the one above on some backends.
    iterations = keras.Variable(40, dtype="int", trainable=False)
    contracts.assert_close(schedule(iterations), schedule(40))


# Percentages inside


def test_percents_are_of_what_is_left_when_a_schedule_begins():
    late = CosineDecay(0.1, "50%")
    for schedule in (late.warmup("20%"), late.hold("2 epochs"), late.hold(20)):
        assert schedule.bind(10, 10).schedule.decay_steps == 40
    assert (late * 0.5).bind(10, 10).schedule.decay_steps == 50
    twice = late.warmup("25%").hold("20%").bind(10, 10)
    assert (twice.hold_steps, twice.schedule.warmup_steps) == (20, 20)
    assert twice.schedule.schedule.decay_steps == 30


def test_percents_of_both_that_follow_each_other_are_of_their_own_part():
    joined = CosineDecay(0.1, "50%").then(PolynomialDecay(0.1, "50%"), after="40%").bind(10, 10)
    assert (joined.first.decay_steps, joined.after, joined.second.decay_steps) == (20, 40, 30)
    at_its_end = CosineDecay(0.1, "20%").then(PolynomialDecay(0.1, "50%")).bind(10, 10)
    assert (at_its_end.after, at_its_end.length, at_its_end.second.decay_steps) == (None, 60, 40)
    third = at_its_end.then(CosineDecay(0.1, "25%")).bind(10, 10)
    assert (third.second.decay_steps, third.length) == (10, 70)


def test_percents_of_warmup_stable_decay_are_of_its_total():
    schedule = WarmupStableDecay(0.1, "50%", "10%", "1 epoch").bind(10, 20)
    assert (schedule.total_steps, schedule.warmup_steps, schedule.decay_steps) == (100, 10, 10)
    schedule = WarmupStableDecay(0.1, 200)
    assert (schedule.warmup_steps, schedule.decay_steps) == (10, 40)
    schedule = WarmupStableDecay(0.1).hold("50%").bind(10, 20).schedule
    assert (schedule.total_steps, schedule.warmup_steps, schedule.decay_steps) == (100, 5, 20)


@pytest.mark.parametrize("percent", range(1, 100, 7))
def test_a_warmup_and_a_decay_that_fill_the_total_fit_into_it(percent):
    for steps in (107, 997, 1000 / 3, 10_000 / 3, 2200 / 7):
        schedule = WarmupStableDecay(0.1, "100%", f"{percent}%", f"{100 - percent}%")
        assert schedule.bind(steps, 1)(0) == 0


def test_the_schedules_of_a_whole_training_end_with_it():
    for schedule in (
        OneCycle(0.1),
        OneCycle(0.1).momentum(),
        WarmupStableDecay(0.1),
        CosineDecay(0.1, "100%").warmup("5 epochs").hold("10%"),
        CosineDecay(0.1, "30%").then(PolynomialDecay(0.1, "100%", 0.0)),
        ConstantLearningRate(0.1).then(CosineDecay(0.1, "100%"), after="70%"),
    ):
        assert schedule.bind(37, 30).length == pytest.approx(1110, rel=1e-15)


def test_epochs_inside_count_the_same_steps_everywhere():
    schedule = ExponentialDecay(0.1, "1 epoch", 0.5, staircase=True).warmup("2 epochs").bind(10)
    assert [schedule(step) for step in (20, 29, 30, 40)] == [0.1, 0.1, 0.05, 0.025]
    restarts = CosineDecayRestarts(0.1, "1 epoch").hold("1 epoch").bind(10)
    assert [restarts(step) for step in (0, 10, 20, 40)] == [0.1] * 4
    triangles = CyclicalLearningRate(0.1, 0.2, "0.5 epochs").bind(10)
    assert [triangles(step) for step in (0, 5, 10, 15)] == [0.1, 0.2, 0.1, 0.2]
