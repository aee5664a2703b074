import warnings

import keras
import numpy as np
import optax
import pytest
import torch

from keras_trainkit.schedules import (
    ConstantLearningRate,
    CosineDecay,
    CosineDecayRestarts,
    CyclicalLearningRate,
    ExponentialDecay,
    OneCycle,
    PolynomialDecay,
)
from tests import contracts

pytestmark = pytest.mark.host


def from_keras(schedule, steps: int) -> list[float]:
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def from_optax(schedule, steps: int) -> list[float]:
    return [float(schedule(step)) for step in range(steps)]


def from_torch(scheduler, steps: int, entry: str = "lr", initial: float = 0.3) -> list[float]:
    """Return what a scheduler, made by the given function, sets before each of its steps."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=initial, momentum=0.9)
    rates = []
    with warnings.catch_warnings():
        # `SequentialLR` calls the others with a step number, which they warn of.
        warnings.filterwarnings("ignore", message="The epoch parameter in `scheduler.step")
        made = scheduler(optimizer)
        for _ in range(steps):
            rates.append(optimizer.param_groups[0][entry])
            optimizer.step()
            if len(rates) < steps:
                made.step()
    return rates


def assert_equal(mine, theirs: list[float], dtype: str = "float32") -> None:
    contracts.assert_close(mine(np.arange(len(theirs))), theirs, dtype)


# Keras


@pytest.mark.parametrize("cycle", [False, True])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_polynomial_equals_keras(power, cycle):
    arguments = (0.3, 7, 0.01, power, cycle)
    theirs = keras.optimizers.schedules.PolynomialDecay(*arguments)
    assert_equal(PolynomialDecay(*arguments), from_keras(theirs, 30))


def test_cosine_equals_keras():
    theirs = keras.optimizers.schedules.CosineDecay(0.3, 17, alpha=0.1)
    assert_equal(CosineDecay(0.3, 17, alpha=0.1), from_keras(theirs, 30))


def test_cosine_after_a_warmup_equals_keras():
    """There the first argument is where the warm-up starts, and `warmup_target` what it reaches."""
    theirs = keras.optimizers.schedules.CosineDecay(
        0.06, 8, alpha=0.1, warmup_target=0.3, warmup_steps=4
    )
    mine = CosineDecay(0.3, 8, alpha=0.1).warmup(4, start=0.06 / 0.3)
    assert_equal(mine, from_keras(theirs, 15))


@pytest.mark.parametrize(("t_mul", "restarts"), [(1.0, [4, 8, 12]), (2.0, [4, 12])])
def test_restarts_equal_keras_but_where_it_rounds_a_restart(t_mul, restarts):
    arguments = (0.3, 4, t_mul, 0.8, 0.1)
    theirs = from_keras(keras.optimizers.schedules.CosineDecayRestarts(*arguments), 15)
    between = np.setdiff1d(np.arange(15), restarts)
    contracts.assert_close(CosineDecayRestarts(*arguments)(between), np.array(theirs)[between])


# PyTorch


@pytest.mark.parametrize("anneal", ["cos", "linear"])
def test_one_cycle_equals_torch_which_ends_at_its_last_step(anneal):
    """torch turns at pct_start * total_steps - 1 and ends at total_steps - 1."""
    total, share = 50, 0.3
    mine = OneCycle(0.3, total - 1, (share * total - 1) / (total - 1), 10.0, 100.0, anneal)

    def scheduler(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.3, total, None, None, share, anneal, div_factor=10, final_div_factor=100
        )

    assert_equal(mine, from_torch(scheduler, total), "float64")
    assert_equal(mine.momentum(), from_torch(scheduler, total, "momentum"), "float64")


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cyclical_equals_torch(mode):
    theirs = from_torch(
        lambda optimizer: torch.optim.lr_scheduler.CyclicLR(
            optimizer, 0.1, 0.5, step_size_up=7, mode=mode, gamma=0.98, cycle_momentum=False
        ),
        100,
    )
    assert_equal(CyclicalLearningRate(0.1, 0.5, 7, mode, 0.98), theirs, "float64")


def test_cosine_equals_torch_until_its_end():
    """There the end is a learning rate, not a share; after it, torch rises again."""
    theirs = from_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.03),
        21,
    )
    assert_equal(CosineDecay(0.3, 20, alpha=0.1), theirs, "float64")


@pytest.mark.parametrize("t_mul", [1, 2, 3])
def test_restarts_equal_torch(t_mul):
    theirs = from_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, 7, t_mul, eta_min=0.03
        ),
        100,
    )
    assert_equal(CosineDecayRestarts(0.3, 7, t_mul, alpha=0.1), theirs, "float64")


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_polynomial_equals_torch_whose_end_is_zero(power):
    theirs = from_torch(
        lambda optimizer: torch.optim.lr_scheduler.PolynomialLR(optimizer, 20, power), 30
    )
    assert_equal(PolynomialDecay(0.3, 20, 0.0, power), theirs, "float64")


def test_warmup_equals_the_linear_schedule_of_torch():
    theirs = from_torch(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(optimizer, 0.2, 1, 7), 20
    )
    assert_equal(ConstantLearningRate(0.3).warmup(7, start=0.2), theirs, "float64")


def test_one_after_the_other_equals_the_sequence_of_torch():
    def scheduler(optimizer):
        linear = torch.optim.lr_scheduler.LinearLR(optimizer, 0.2, 1, 7)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
        constant = torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 100)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [linear, cosine, constant], [7, 20])

    mine = CosineDecay(0.3, 20).warmup(7, start=0.2).then(ConstantLearningRate(0.15), after=20)
    assert_equal(mine, from_torch(scheduler, 40), "float64")


# optax


def test_cosine_after_a_warmup_equals_optax():
    """There the decay's steps count from the beginning of the warm-up, and the end is a rate."""
    theirs = optax.warmup_cosine_decay_schedule(0.06, 0.3, 5, 22, end_value=0.03)
    mine = CosineDecay(0.3, 22 - 5, alpha=0.03 / 0.3).warmup(5, start=0.06 / 0.3)
    assert_equal(mine, from_optax(theirs, 30))


def test_one_cycle_equals_optax():
    theirs = optax.cosine_onecycle_schedule(50, 0.3, 0.3, div_factor=10.0, final_div_factor=100.0)
    assert_equal(OneCycle(0.3, 50, 0.3, 10.0, 100.0), from_optax(theirs, 60))


def test_linear_one_cycle_equals_optax_which_has_a_third_part():
    """There the fall returns to the start, and a line goes from it to the end."""
    theirs = optax.linear_onecycle_schedule(100, 0.3, 0.3, 0.85, 10.0, 100.0)
    triangle = OneCycle(0.3, 85, 30 / 85, 10.0, final_div_factor=1.0, anneal="linear")
    mine = triangle.then(PolynomialDecay(0.03, 15, 0.0003))
    assert_equal(mine, from_optax(theirs, 120))


def test_hold_equals_a_late_beginning_of_optax():
    theirs = optax.exponential_decay(0.3, 7, 0.9, transition_begin=5)
    assert_equal(ExponentialDecay(0.3, 7, 0.9).hold(5), from_optax(theirs, 30))


def test_one_after_the_other_equals_the_joined_schedules_of_optax():
    parts = [
        optax.linear_schedule(0.0, 0.3, 5),
        optax.exponential_decay(0.3, 7, 0.9),
        optax.constant_schedule(0.1),
    ]
    theirs = optax.join_schedules(parts, [5, 15])
    mine = ExponentialDecay(0.3, 7, 0.9).then(ConstantLearningRate(0.1), after=10).warmup(5)
    assert_equal(mine, from_optax(theirs, 30))
