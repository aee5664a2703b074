"""Adam against the paper, PyTorch, optax, and Keras by switch."""

import keras
import numpy as np
import optax
import pytest
import torch
from keras import ops

from keras_trainkit.optimizers import Adam
from tests import contracts
from tests.references import optimizers as references

VARIANTS = [
    {},
    {"epsilon": 1e-1},
    {"beta_1": 0.0, "beta_2": 0.9},
    {"amsgrad": True},
    {"epsilon_hat": True, "epsilon": 1e-3},
]
in_float64 = pytest.mark.backend("tensorflow", "torch")


def learning_rate(step):
    return 0.02 / (1 + step)


def gradients(steps=100, size=6, scale=1.0):
    rng = np.random.default_rng(11)
    return scale * rng.normal(size=(steps, size)) * rng.uniform(0, 2, size=(steps, 1))


def step(optimizer, variable, gradient, rate):
    optimizer.learning_rate = rate
    optimizer.apply([ops.convert_to_tensor(gradient, dtype=variable.dtype)], [variable])


@in_float64
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("arguments", VARIANTS)
def test_follows_the_paper_in_lockstep(arguments):
    start = np.linspace(-1, 1, 6)
    twin = references.Adam(start, **arguments)
    variable, optimizer = keras.Variable(start), Adam(**arguments)
    for t, gradient in enumerate(gradients()):
        step(optimizer, variable, gradient, learning_rate(t))
        twin.step(gradient, learning_rate(t))
        contracts.assert_close(variable, twin.w, "float64")
        _, _, momentum, velocity, *maximum = optimizer.variables
        contracts.assert_close(momentum, twin.m, "float64")
        contracts.assert_close(velocity, twin.v, "float64")
        if maximum:
            contracts.assert_close(maximum[0], twin.v_max, "float64")


@pytest.mark.parametrize("arguments", VARIANTS)
def test_keeps_float32_accuracy_when_gradients_are_as_small_as_epsilon(arguments):
    start = np.zeros(6)
    twin = references.Adam(start, **arguments)
    variable, optimizer = keras.Variable(start), Adam(**arguments)
    for t, gradient in enumerate(gradients(scale=1e-8)):
        step(optimizer, variable, gradient, learning_rate(t))
        twin.step(gradient.astype("float32"), learning_rate(t))
    moved = np.abs(twin.w).max()
    assert np.abs(ops.convert_to_numpy(variable.value) - twin.w).max() < 1e-5 * moved


@in_float64
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("arguments", [a for a in VARIANTS if "epsilon_hat" not in a])
def test_equals_torch_optim(arguments):
    start = np.linspace(-1, 1, 6)
    variable, optimizer = keras.Variable(start), Adam(**arguments)
    weight = torch.tensor(start, requires_grad=True)
    theirs = torch.optim.Adam(
        [weight],
        betas=(optimizer.beta_1, optimizer.beta_2),
        eps=optimizer.epsilon,
        amsgrad=optimizer.amsgrad,
    )
    for t, gradient in enumerate(gradients()):
        step(optimizer, variable, gradient, learning_rate(t))
        theirs.param_groups[0]["lr"] = learning_rate(t)
        weight.grad = torch.tensor(gradient)
        theirs.step()
        contracts.assert_close(variable, weight.detach().numpy(), "float64")


def test_equals_optax():
    start = np.linspace(-1, 1, 6).astype("float32")
    variable, optimizer = keras.Variable(start), Adam(0.01)
    rule = optax.adam(0.01)
    weight, state = start, rule.init(start)
    for gradient in gradients(20).astype("float32"):
        step(optimizer, variable, gradient, 0.01)
        update, state = rule.update(gradient, state)
        weight = optax.apply_updates(weight, update)
    contracts.assert_close(variable, np.asarray(weight))


@pytest.mark.parametrize("amsgrad", [False, True])
def test_epsilon_hat_equals_keras(amsgrad):
    """The one difference of convention: Keras adds epsilon before the bias correction."""
    start = np.linspace(-1, 1, 6)
    arguments = {"epsilon": 1e-2, "amsgrad": amsgrad}
    ours, theirs = keras.Variable(start), keras.Variable(start)
    mine, keras_adam = Adam(**arguments, epsilon_hat=True), keras.optimizers.Adam(**arguments)
    paper, paper_adam = keras.Variable(start), Adam(**arguments)
    for t, gradient in enumerate(gradients(30)):
        step(mine, ours, gradient, learning_rate(t))
        step(keras_adam, theirs, gradient, learning_rate(t))
        step(paper_adam, paper, gradient, learning_rate(t))
    np.testing.assert_allclose(contracts.array(ours), contracts.array(theirs), atol=2e-6)
    assert np.abs(contracts.array(paper) - contracts.array(theirs)).max() > 1e-3


def test_first_step_has_the_size_of_the_learning_rate():
    """m_hat / sqrt(v_hat) is the gradient's sign at t = 1, whatever its size."""
    for size in (1e-4, 1.0, 1e4):
        variable = keras.Variable([0.0, 0.0])
        step(Adam(), variable, [size, -size], 0.01)
        np.testing.assert_allclose(contracts.array(variable), [-0.01, 0.01], rtol=2e-4)


def test_continues_from_the_checkpoint_of_keras(tmp_path):
    def model(optimizer):
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        net.compile(optimizer, "mse")
        net.optimizer.build(net.trainable_variables)
        return net

    x = np.random.default_rng(1).normal(size=(32, 3))
    theirs, ours = model(keras.optimizers.Adam(0.01)), model(Adam(0.01))
    theirs.fit(x, x[:, :2], verbose=0)
    theirs.save_weights(tmp_path / "state.weights.h5")
    ours.load_weights(tmp_path / "state.weights.h5")
    # On JAX ours end with the numbers that a step reads.
    for mine, keras_slot in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=False):
        np.testing.assert_array_equal(contracts.array(mine), contracts.array(keras_slot))
