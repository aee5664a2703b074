"""What a type checker must see of the package: `make lint` reads this, and nothing runs it."""

from typing import assert_type

from keras_trainkit.schedules import ConstantLearningRate, CosineDecay
from keras_trainkit.schedules._schedule import Schedule


def arithmetic_of_schedules(factor: float) -> None:
    schedule = CosineDecay(0.1, "100%")
    assert_type(factor * schedule, Schedule)
    assert_type(2 * schedule, Schedule)
    assert_type(schedule * factor, Schedule)
    assert_type(schedule / 2, Schedule)
    assert_type(0.5 * schedule.warmup("5%").then(ConstantLearningRate(0.1)).hold(3), Schedule)
