"""Schedules of Keras among ours, and what arithmetic there is."""

import json
import re

import keras
import numpy as np
import pytest

from keras_trainkit.schedules import CosineDecay, Hold, KerasSchedule, Scaled, Then, Warmup
from tests import contracts
from tests.callbacks.paced import line
from tests.schedules.training import steps_taken

THEIRS = {
    "cosine": keras.optimizers.schedules.CosineDecay(0.1, 20),
    # It chooses between branches, which takes one step at a time.
    "warmed": keras.optimizers.schedules.CosineDecay(0.1, 20, warmup_target=0.3, warmup_steps=4),
    "constants": keras.optimizers.schedules.PiecewiseConstantDecay([3, 7], [0.3, 0.2, 0.1]),
}
STEPS = np.arange(40)

each_of_theirs = pytest.mark.parametrize("name", THEIRS)


def rates(schedule, steps):
    return np.array([float(keras.ops.convert_to_numpy(schedule(int(step)))) for step in steps])


@each_of_theirs
def test_is_joined_like_one_of_ours(name):
    theirs = THEIRS[name]
    alone, ours = rates(theirs, STEPS), CosineDecay(0.1, 20)
    joined = {
        Warmup(theirs, 5): [*(alone[0] * np.arange(5) / 5), *alone[:35]],
        Hold(theirs, 5): [*[alone[0]] * 5, *alone[:35]],
        Scaled(theirs, 0.5): alone / 2,
        Then(theirs, ours, 5): [*alone[:5], *ours(STEPS[:35])],
        ours.then(theirs): [*ours(STEPS[:20]), *alone[:20]],
        KerasSchedule(theirs).warmup(5).hold(2): [
            0,
            0,
            *(alone[0] * np.arange(5) / 5),
            *alone[:33],
        ],
        KerasSchedule(theirs) / 2: alone / 2,
    }
    for schedule, expected in joined.items():
        contracts.assert_close(schedule(STEPS), np.array(expected), "float32")
        assert schedule(7) == schedule(STEPS)[7]
        config = keras.optimizers.schedules.serialize(schedule)
        copied = keras.optimizers.schedules.deserialize(json.loads(json.dumps(config)))
        np.testing.assert_array_equal(copied(STEPS), schedule(STEPS))


@each_of_theirs
def test_warmed_up_is_the_steps_that_a_compiled_fit_takes(name):
    schedule = Warmup(THEIRS[name], "1 epoch").bind(6, 5)
    taken = steps_taken(line(learning_rate=schedule), steps=30)
    np.testing.assert_allclose(taken, schedule(np.arange(30)), atol=1e-6)


@pytest.mark.host
def test_one_without_a_known_end_needs_a_joint():
    message = "`after` must be given, as KerasSchedule has no end. Received: after=None"
    with pytest.raises(ValueError, match=re.escape(message)):
        Then(THEIRS["cosine"], CosineDecay(0.1, 5))


@pytest.mark.host
def test_multiplies_and_divides_by_numbers_of_every_kind():
    schedule = CosineDecay(0.1, 20)
    half = 0.5 * schedule
    for same in (schedule * 0.5, schedule / 2, np.float64(0.5) * schedule, schedule / np.int64(2)):
        assert same.get_config() == half.get_config()


@pytest.mark.host
@pytest.mark.parametrize(
    "compute",
    [
        lambda s: s + 0.1,
        lambda s: 0.1 - s,
        lambda s: -s,
        lambda s: s**2,
        lambda s: 1 / s,
        lambda s: sum([s, s]),
    ],
)
def test_other_arithmetic_is_one_clear_error(compute):
    with pytest.raises(TypeError, match=r"^A schedule is multiplied or divided by a number > 0"):
        compute(CosineDecay(0.1, 20))


@pytest.mark.host
@pytest.mark.parametrize("factor", [0, -1, CosineDecay(0.1, 20), np.array([1, 2]), "2"])
def test_multiplies_by_positive_numbers_only(factor):
    for compute in (lambda s: s * factor, lambda s: factor * s, lambda s: s / factor):
        with pytest.raises(
            ValueError, match=r"^`(factor|divisor)` must be a number > 0\. Received"
        ):
            compute(CosineDecay(0.1, 20))
