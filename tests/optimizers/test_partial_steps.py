"""Steps that not all variables take part in: every rule beside Keras's, and where the model is."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam, PercentileClipping
from tests import contracts
from tests.selection import full_on_torch

pytestmark = [
    pytest.mark.oldest,
    pytest.mark.filterwarnings("ignore:Gradients do not exist for variables"),
]

STEPS = 16
# Of a generator and its critic, of heads in turn, of layers that are frozen and thawed.
PARTS = [(0, 1, 2), (0,), (1, 2), (2, 0), (1,), (0, 1, 2)]
PLAN = [PARTS[i] for i in np.random.default_rng(0).integers(0, len(PARTS), STEPS)]
GRADIENTS = np.random.default_rng(1).normal(size=(STEPS, 3, 4)).astype("float32")
RULES = {
    "nag": (
        lambda **numbers: NAG(0.1, **numbers),
        lambda **numbers: keras.optimizers.SGD(0.1, 0.9, nesterov=True, **numbers),
    ),
    "heavy-ball": (
        lambda **numbers: NAG(0.1, nesterov=False, **numbers),
        lambda **numbers: keras.optimizers.SGD(0.1, 0.9, **numbers),
    ),
    "plain": (
        lambda **numbers: NAG(0.1, 0.0, **numbers),
        lambda **numbers: keras.optimizers.SGD(0.1, **numbers),
    ),
    "adam": (
        lambda **numbers: Adam(0.1, epsilon=1e-7, epsilon_hat=True, **numbers),
        lambda **numbers: keras.optimizers.Adam(0.1, **numbers),
    ),
    "amsgrad": (
        lambda **numbers: Adam(0.1, amsgrad=True, epsilon=1e-7, epsilon_hat=True, **numbers),
        lambda **numbers: keras.optimizers.Adam(0.1, amsgrad=True, **numbers),
    ),
    "adamw": (
        lambda **n: AdamW(0.1, 0.1, epsilon=1e-7, epsilon_hat=True, weight_decay_min_rank=0, **n),
        lambda **n: keras.optimizers.AdamW(0.1, 0.1, **n),
    ),
    "nadam": (
        lambda **numbers: Nadam(0.1, epsilon=1e-7, momentum_decay=1.0, **numbers),
        lambda **numbers: keras.optimizers.Nadam(0.1, **numbers),
    ),
}
OPTIONS = {
    "alone": {},
    "clipped": {"global_clipnorm": 0.5},
    "accumulated": {"gradient_accumulation_steps": 2},
    "averaged": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 4},
}
CASES = [
    pytest.param(*RULES[rule], OPTIONS[option], id=f"{rule}-{option}")
    for rule in RULES
    for option in OPTIONS
]
KEPT = ("nag-alone", "plain-alone", "nadam-averaged")


def tensor(gradient):
    return ops.convert_to_tensor(np.array(gradient, "float32"))


def variables(count=3):
    return [keras.Variable(np.linspace(-1, 1, 4, dtype="float32") + i) for i in range(count)]


def rate(step):
    return 0.1 * 0.9**step


def by_parts(optimizer, held):
    """Hand in the gradients there are, and their variables, in another order."""
    for step, part in enumerate(PLAN):
        optimizer.learning_rate = rate(step)
        gradients = [tensor(GRADIENTS[step, i]) for i in part[::-1]]
        optimizer.apply(gradients, [held[i] for i in part[::-1]])


def with_gaps(optimizer, held):
    """Hand in None for the others."""
    for step, part in enumerate(PLAN):
        optimizer.learning_rate = rate(step)
        gradients = [tensor(GRADIENTS[step, i]) if i in part else None for i in range(3)]
        optimizer.apply(gradients, held)


def trained(make, steps, **options):
    held, optimizer = variables(), make(**options)
    optimizer.build(held)
    steps(optimizer, held)
    return held


@pytest.mark.parametrize(("mine", "other", "options"), full_on_torch(CASES, keep=KEPT))
def test_every_rule_goes_where_kerass_goes(mine, other, options):
    expected = trained(other, by_parts, **options)
    for steps in by_parts, with_gaps:
        for ours, theirs in zip(trained(mine, steps, **options), expected, strict=True):
            contracts.assert_close(ours, theirs)


@pytest.mark.parametrize("others", [(), (1, 2, 4, 5)], ids=["in-turn", "None"])
def test_nag_of_two_variables_under_a_falling_rate(others):
    a, b = keras.Variable([1.0, 2.0]), keras.Variable([3.0])
    optimizer = NAG(0.1, momentum=0.9)
    optimizer.build([a, b])
    for step in range(6):
        optimizer.learning_rate = 0.1 * 0.5**step
        if others:
            gradient = None if step in others else tensor([2.0])
            optimizer.apply([tensor([1.0, -1.0]), gradient], [a, b])
        elif step % 2:
            optimizer.apply([tensor([2.0])], [b])
        else:
            optimizer.apply([tensor([1.0, -1.0])], [a])
    contracts.assert_close(b, [2.410500 if others else 2.576475])
    if not others:
        contracts.assert_close(a, [0.576475, 2.423525])


class Twin:
    """One variable of NAG in NumPy, at the look-ahead point of its own last step."""

    def __init__(self, w, torch_velocity):
        self.w, self.torch_velocity = np.array(w, "float64"), torch_velocity
        self.v = self.slot = np.zeros_like(self.w)
        self.held = self.w

    def step(self, gradient, rate, momentum):
        unit = rate if self.torch_velocity else 1.0
        self.slot = momentum * self.slot + (gradient if self.torch_velocity else rate * gradient)
        self.v = unit * self.slot
        # The old look-ahead point is where the gradient is from.
        ahead = rate * gradient + momentum * self.v
        self.held = self.held - ahead
        self.w = self.held + momentum * self.v


@pytest.mark.parametrize("torch_velocity", [False, True])
def test_the_iterate_is_that_of_each_variables_own_last_step(torch_velocity):
    """Rate and momentum change between the steps of one variable and those of another."""
    held = variables()
    twins = [Twin(contracts.array(variable), torch_velocity) for variable in held]
    multipliers = {held[1].path: 0.5}
    optimizer = NAG(0.1, torch_velocity=torch_velocity, learning_rate_multipliers=multipliers)
    optimizer.build(held)
    for step, part in enumerate(PLAN):
        optimizer.learning_rate, optimizer.momentum = rate(step), 0.5 + 0.4 * (step % 2)
        optimizer.apply([tensor(GRADIENTS[step, i]) for i in part], [held[i] for i in part])
        for i in part:
            own = rate(step) * (0.5 if i == 1 else 1.0)
            twins[i].step(GRADIENTS[step, i].astype("float64"), own, optimizer.momentum)
        with optimizer.at_iterate():
            for variable, twin in zip(held, twins, strict=True):
                contracts.assert_close(variable, twin.w)
    for variable, velocity, twin in zip(held, optimizer.velocities, twins, strict=True):
        contracts.assert_close(variable, twin.held)
        contracts.assert_close(velocity, twin.v)
    optimizer.finalize_variable_values(held)
    for variable, twin in zip(held, twins, strict=True):
        contracts.assert_close(variable, twin.w)


def test_from_the_iterate_a_step_moves_only_what_takes_part():
    """A loop of one's own that does not resume; then one that does."""
    a, b = held = variables(2)
    optimizer = NAG(0.1, momentum=0.5)
    optimizer.apply([tensor(np.ones(4)), tensor(np.ones(4))], held)
    optimizer.finalize_variable_values(held)
    before = [contracts.array(variable).copy() for variable in held]
    optimizer.apply([tensor(np.ones(4))], [a])
    np.testing.assert_array_equal(contracts.array(b), before[1])
    assert not optimizer.holds_iterate
    with optimizer.at_iterate():
        contracts.assert_close(a, before[0] - (0.5 * 0.1 + 0.1))
        np.testing.assert_array_equal(contracts.array(b), before[1])
    optimizer.resume()
    contracts.assert_close(b, before[1] - 0.5 * 0.1)


@pytest.mark.backend("tensorflow", "torch")
@pytest.mark.parametrize("use_ema", [False, True])
def test_a_frozen_layer_stays_where_it_is(use_ema):
    """On JAX Keras wants all variables that an optimizer was built for."""
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    first, last = keras.layers.Dense(3), keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((3,)), first, last])
    optimizer = NAG(0.05, use_ema=use_ema)
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(first.get_weights()[0].copy())
    )
    model.compile(optimizer, "mse")
    model.fit(x, x, verbose=0)
    frozen, moving = first.get_weights()[0].copy(), last.get_weights()[0].copy()
    first.trainable = False
    model.compile(optimizer, "mse")
    model.fit(x, x, verbose=0, callbacks=[look])
    for weight in *seen, first.get_weights()[0]:
        np.testing.assert_array_equal(weight, frozen)
    assert not np.array_equal(last.get_weights()[0], moving)
    first.trainable = True
    model.compile(optimizer, "mse")
    model.fit(x, x, verbose=0)
    assert not np.array_equal(first.get_weights()[0], frozen)
    assert optimizer.holds_iterate


@pytest.mark.parametrize("torch_velocity", [False, True])
def test_what_is_assigned_from_elsewhere_counts_in_the_next_step(torch_velocity):
    """As files, snapshots and callbacks do between two steps."""
    held, optimizer = variables(), NAG(0.1, torch_velocity=torch_velocity)

    def end():
        for step in (3, 4):
            optimizer.learning_rate = rate(step)
            optimizer.apply([tensor(gradient) for gradient in GRADIENTS[step]], held)
        return [contracts.array(variable).copy() for variable in held]

    optimizer.build(held)
    by_parts(optimizer, held)
    state = [*optimizer.variables, *held]
    before = [contracts.array(variable).copy() for variable in state]
    expected = end()
    optimizer.finalize_variable_values(held)
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
    for again, first in zip(end(), expected, strict=True):
        np.testing.assert_array_equal(again, first)


def test_percentiles_are_those_of_the_same_variables():
    """A critic with gradients a hundred times as large, as if it had a clipping of its own."""
    together, alone = variables(2), variables(2)
    both = NAG(0.1, clipping=PercentileClipping(50.0))
    each = [NAG(0.1, clipping=PercentileClipping(50.0)) for _ in alone]
    both.build(together)
    for step in range(10):
        i = step % 2
        gradient = tensor(GRADIENTS[step, 0] * 100.0**i)
        both.apply([gradient], [together[i]])
        each[i].apply([gradient], [alone[i]])
    for mine, expected in zip(together, alone, strict=True):
        contracts.assert_close(mine, expected)


@pytest.mark.backend("torch")
def test_variables_that_move_together_again_are_updated_together_again():
    held, optimizer = variables(), NAG(0.1)
    optimizer.build(held)
    by_parts(optimizer, held)
    calls = []
    for step in range(60):
        optimizer.learning_rate = rate(step)
        optimizer.apply([tensor(gradient) for gradient in GRADIENTS[0]], held)
        calls.append(len(optimizer._groups(held)))
    assert calls[-1] == 1 < calls[0]


@pytest.mark.parametrize("make", [Adam, keras.optimizers.Adam])
def test_without_any_gradient_keras_speaks(make):
    optimizer = make(**({"skip_nonfinite": True} if make is Adam else {}))
    held = variables(2)
    optimizer.build(held)
    optimizer.apply([], held)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], held)
