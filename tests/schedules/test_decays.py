import keras
import numpy as np
import optax
import pytest
import torch

from keras_trainkit.schedules import (
    ExponentialDecay,
    InverseSqrtDecay,
    InverseTimeDecay,
    NaturalExponentialDecay,
)
from tests import contracts
from tests.callbacks.paced import line
from tests.references import schedules as references
from tests.schedules.training import steps_taken

CASES = [
    (NaturalExponentialDecay, references.natural_exponential),
    (ExponentialDecay, references.exponential),
    (InverseTimeDecay, references.inverse_time),
    (InverseSqrtDecay, references.inverse_sqrt),
]
CLASSES = [cls for cls, _ in CASES]
STEPS = [0, 1, 2, 6, 7, 8, 13, 14, 100, 699, 700, 1000]

each_class = pytest.mark.parametrize("cls", CLASSES)
each_case = pytest.mark.parametrize(("cls", "reference"), CASES)
smooth_and_staircase = pytest.mark.parametrize("staircase", [False, True])


def step_of(staircase: bool, step: int, unit: int) -> int:
    return step // unit * unit if staircase else step


# Truth


@pytest.mark.host
@each_case
@smooth_and_staircase
def test_equals_the_textbook_on_the_host(cls, reference, staircase):
    schedule = cls(0.3, decay_steps=7, decay_rate=0.9, staircase=staircase)
    for step in STEPS:
        expected = reference(0.3, 7, 0.9, step_of(staircase, step, 7))
        assert type(schedule(step)) is float
        contracts.assert_close(schedule(step), expected, "float64")
    contracts.assert_close(schedule(np.array(STEPS)), [schedule(step) for step in STEPS], "float64")


@each_case
@smooth_and_staircase
def test_equals_the_textbook_on_tensors_and_variables(cls, reference, staircase):
    schedule = cls(0.3, decay_steps=7, decay_rate=0.9, staircase=staircase)
    iterations = keras.Variable(0, dtype="int", trainable=False)
    for step in STEPS:
        expected = reference(0.3, 7, 0.9, step_of(staircase, step, 7))
        iterations.assign(step)
        for tensor in (iterations, keras.ops.convert_to_tensor(step)):
            learning_rate = schedule(tensor)
            assert keras.backend.standardize_dtype(learning_rate.dtype) == "float32"
            contracts.assert_close(learning_rate, expected)


@each_case
@pytest.mark.backend("tensorflow", "torch")
def test_computes_in_float64_when_that_is_the_float_type(float64, cls, reference):
    schedule = cls(0.3, decay_steps=7, decay_rate=0.9)
    learning_rate = schedule(keras.ops.convert_to_tensor(100))
    assert keras.backend.standardize_dtype(learning_rate.dtype) == "float64"
    contracts.assert_close(learning_rate, reference(0.3, 7, 0.9, 100), "float64")


@each_case
@smooth_and_staircase
def test_is_the_step_that_a_compiled_fit_takes(cls, reference, staircase):
    schedule = cls(0.3, decay_steps=3, decay_rate=0.9, staircase=staircase)
    taken = steps_taken(line(learning_rate=schedule), steps=10)
    expected = [reference(0.3, 3, 0.9, step_of(staircase, step, 3)) for step in range(10)]
    np.testing.assert_allclose(taken, expected, rtol=1e-5)


@each_case
def test_drives_learning_rate_scheduler_by_epochs(cls, reference):
    schedule = cls(0.3, decay_steps=3, decay_rate=0.9)
    history = line(learning_rate=0.7).fit(
        np.ones((4, 1)),
        np.ones((4, 1)),
        batch_size=2,
        epochs=8,
        verbose=0,
        callbacks=[keras.callbacks.LearningRateScheduler(schedule)],
    )
    expected = [reference(0.3, 3, 0.9, epoch) for epoch in range(8)]
    contracts.assert_close(history.history["learning_rate"], expected)


def test_keeps_the_accuracy_of_a_base_next_to_one():
    schedule = ExponentialDecay(0.1, decay_steps=1, decay_rate=0.9999)
    learning_rate = float(schedule(keras.ops.convert_to_tensor(100_000)))
    assert learning_rate == pytest.approx(references.exponential(0.1, 1, 0.9999, 100_000), rel=3e-6)


def test_staircase_falls_on_the_right_step_past_the_integers_of_float32():
    schedule = ExponentialDecay(1.0, decay_steps=2**25, decay_rate=0.5, staircase=True)
    iterations = keras.Variable(2**25 - 1, dtype="int", trainable=False)
    assert float(schedule(iterations)) == 1.0
    iterations.assign(2**25)
    assert float(schedule(iterations)) == 0.5


# Peers


@smooth_and_staircase
@pytest.mark.parametrize("cls", [ExponentialDecay, InverseTimeDecay])
def test_equals_its_keras_namesake(cls, staircase):
    arguments = {"decay_steps": 7, "decay_rate": 0.9, "staircase": staircase}
    mine = cls(0.3, **arguments)
    namesake = getattr(keras.optimizers.schedules, cls.__name__)(0.3, **arguments)
    for step in STEPS:
        contracts.assert_close(mine(step), namesake(step), "float32")


@pytest.mark.host
@smooth_and_staircase
def test_exponential_equals_optax(staircase):
    mine = ExponentialDecay(0.3, decay_steps=7, decay_rate=0.9, staircase=staircase)
    theirs = optax.exponential_decay(0.3, 7, 0.9, staircase=staircase)
    for step in STEPS:
        contracts.assert_close(mine(step), np.asarray(theirs(step)), "float32")


def test_exponential_equals_torch():
    mine = ExponentialDecay(0.3, decay_steps=1, decay_rate=0.9)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    for epoch in range(50):
        contracts.assert_close(mine(epoch), theirs.get_last_lr()[0], "float64")
        optimizer.step()
        theirs.step()


# Properties


@each_class
@smooth_and_staircase
def test_is_exact_at_step_zero(cls, staircase):
    first = 0.1 * 0.5 if cls is InverseSqrtDecay else 0.1
    schedule = cls(0.1, decay_steps=7, decay_rate=0.5, staircase=staircase)
    assert schedule(0) == first
    assert float(schedule(keras.ops.convert_to_tensor(0))) == np.float32(first)


@pytest.mark.host
@each_class
def test_falls_at_every_step_and_stays_positive(cls):
    rates = cls(0.1, decay_steps=70, decay_rate=0.9)(np.arange(10_000))
    assert np.all(np.diff(rates) < 0)
    assert rates[-1] > 0


@pytest.mark.host
@each_class
@pytest.mark.parametrize("unit", [1, 7, 2.5])
def test_staircase_holds_the_smooth_decay_at_each_stair(cls, unit):
    steps = np.arange(500)
    smooth = cls(0.1, decay_steps=unit, decay_rate=0.9)
    stairs = cls(0.1, decay_steps=unit, decay_rate=0.9, staircase=True)(steps)
    np.testing.assert_allclose(stairs, smooth(steps // unit * unit), rtol=1e-12)
    changes = np.flatnonzero(np.diff(stairs)) + 1
    np.testing.assert_array_equal(changes, np.flatnonzero(np.diff(steps // unit)) + 1)


@pytest.mark.host
def test_a_rate_of_zero_keeps_the_learning_rate():
    for cls in (NaturalExponentialDecay, InverseTimeDecay):
        assert cls(0.1, decay_steps=7, decay_rate=0.0)(1000) == 0.1
