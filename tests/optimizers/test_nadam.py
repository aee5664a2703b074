"""Nadam against Keras and optax by switch; `test_lockstep` has the paper and PyTorch."""

import keras
import numpy as np
import optax
import pytest
from keras import ops

from keras_trainkit.optimizers import Nadam
from tests import contracts
from tests.references import optimizers as references

START = np.linspace(-1, 1, 6).astype("float32")
GRADIENTS = np.random.default_rng(13).normal(size=(30, 6)).astype("float32")


def trained(optimizer, gradients=GRADIENTS):
    variable = keras.Variable(START)
    for t, gradient in enumerate(gradients):
        optimizer.learning_rate = 0.05 / (1 + t)
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    return contracts.array(variable)


def test_equals_keras_whose_warm_up_is_250_times_as_fast():
    theirs = trained(keras.optimizers.Nadam(epsilon=1e-2))
    contracts.assert_close(trained(Nadam(epsilon=1e-2, momentum_decay=1.0)), theirs)
    assert np.abs(trained(Nadam(epsilon=1e-2)) - theirs).max() > 1e-3


def test_equals_optax_which_has_no_warm_up():
    rule = optax.nadam(lambda step: 0.05 / (1 + step))
    weight, state = START, rule.init(START)
    for gradient in GRADIENTS:
        update, state = rule.update(gradient, state)
        weight = optax.apply_updates(weight, update)
    contracts.assert_close(trained(Nadam(momentum_decay=1e9)), np.asarray(weight))


@pytest.mark.parametrize("momentum_decay", [0.004, 1.0])
def test_keeps_float32_accuracy_when_gradients_are_as_small_as_epsilon(momentum_decay):
    twin = references.Nadam(START, momentum_decay=momentum_decay)
    gradients = 1e-8 * GRADIENTS
    for t, gradient in enumerate(gradients):
        twin.step(gradient.astype("float64"), 0.05 / (1 + t))
    contracts.assert_close(trained(Nadam(momentum_decay=momentum_decay), gradients), twin.held)
