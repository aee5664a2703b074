"""Adam against optax, Keras by switch, and the paper in float32; `test_lockstep` has the rest."""

import keras
import numpy as np
import optax
import pytest
from keras import ops

from keras_trainkit.optimizers import Adam
from keras_trainkit.optimizers._hyperparameters import bias_correction
from tests import contracts
from tests.references import optimizers as references

VARIANTS = [
    {},
    {"epsilon": 1e-1},
    {"beta_1": 0.0, "beta_2": 0.9},
    {"amsgrad": True},
    {"epsilon_hat": True, "epsilon": 1e-3},
]


def learning_rate(step):
    return 0.02 / (1 + step)


def gradients(steps=100, size=6, scale=1.0):
    rng = np.random.default_rng(11)
    return scale * rng.normal(size=(steps, size)) * rng.uniform(0, 2, size=(steps, 1))


def step(optimizer, variable, gradient, rate):
    optimizer.learning_rate = rate
    optimizer.apply([ops.convert_to_tensor(gradient, dtype=variable.dtype)], [variable])


@pytest.mark.parametrize("arguments", VARIANTS)
def test_keeps_float32_accuracy_when_gradients_are_as_small_as_epsilon(arguments):
    start = np.zeros(6)
    twin = references.Adam(start, **arguments)
    variable, optimizer = keras.Variable(start), Adam(**arguments)
    for t, gradient in enumerate(gradients(scale=1e-8)):
        step(optimizer, variable, gradient, learning_rate(t))
        twin.step(gradient.astype("float32"), learning_rate(t))
    moved = np.abs(twin.held).max()
    assert np.abs(contracts.array(variable) - twin.held).max() < 1e-5 * moved


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


@pytest.mark.parametrize("beta", [0.9, 0.999, 0.9999])
@pytest.mark.parametrize("step", [1, 2, 3, 7, 20])
def test_bias_correction_of_tensors_does_not_cancel(beta, step):
    beta = np.float32(beta)
    found = bias_correction(ops.convert_to_tensor(beta), ops.convert_to_tensor(np.float32(step)))
    np.testing.assert_allclose(contracts.array(found), 1 - np.float64(beta) ** step, rtol=2e-6)
