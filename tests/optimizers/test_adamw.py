"""AdamW against optax and, by switch, Keras; `test_lockstep` has the paper and PyTorch."""

import keras
import numpy as np
import optax
from keras import ops

from keras_trainkit.optimizers import AdamW
from tests import contracts

START = np.linspace(-1, 1, 6).reshape(2, 3).astype("float32")
GRADIENTS = np.random.default_rng(12).normal(size=(30, 2, 3)).astype("float32")


def trained(optimizer):
    """Return a kernel and a bias after the updates."""
    variables = keras.Variable(START), keras.Variable(START[0])
    for gradient in GRADIENTS:
        optimizer.apply([ops.convert_to_tensor(g) for g in (gradient, gradient[0])], variables)
    return [contracts.array(variable) for variable in variables]


def test_equals_optax_with_its_mask_for_biases():
    rule = optax.adamw(0.01, weight_decay=0.5, mask=[True, False])
    weights = [START, START[0]]
    state = rule.init(weights)
    for gradient in GRADIENTS:
        updates, state = rule.update([gradient, gradient[0]], state, weights)
        weights = optax.apply_updates(weights, updates)
    for mine, theirs in zip(trained(AdamW(0.01, weight_decay=0.5)), weights, strict=True):
        contracts.assert_close(mine, np.asarray(theirs))


def test_equals_keras_when_everything_decays():
    ours = AdamW(0.01, weight_decay=0.5, epsilon=1e-2, epsilon_hat=True, weight_decay_min_rank=0)
    theirs = keras.optimizers.AdamW(0.01, weight_decay=0.5, epsilon=1e-2)
    for mine, other in zip(trained(ours), trained(theirs), strict=True):
        contracts.assert_close(mine, other)


def test_leaves_biases_alone_by_default():
    kernel, bias = trained(AdamW(0.01, weight_decay=0.5))
    without_decay = trained(AdamW(0.01, weight_decay=0.0))
    assert np.abs(kernel - without_decay[0]).max() > 1e-2
    np.testing.assert_array_equal(bias, without_decay[1])
