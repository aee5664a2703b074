"""A suggestion is a rate at which training was seen to work."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops
from sklearn.datasets import load_digits

from keras_trainkit.callbacks import find_learning_rate
from keras_trainkit.callbacks._find_learning_rate.proof import Proof, best, prove
from tests.callbacks.find_learning_rate.test_find_learning_rate import (
    assert_equal_states,
    fit,
    state_of,
)
from tests.callbacks.monitored import Subclassed, compiled, data, sequential
from tests.selection import full_on_torch

BACKEND = keras.backend.backend()
ARGUMENTS = {"batch_size": 32, "steps": 60, "proving_steps": 12}


# The rule


def proof(rate, level, scatter=0.01, seed=0):
    """Return a training that ends at a level, with the noise of its batches."""
    noise = np.random.default_rng(seed).normal(size=30) * scatter
    losses = np.full(30, level) + noise
    return Proof(rate, losses, bool(np.isfinite(losses).all()))


@pytest.mark.host
@pytest.mark.parametrize(
    ("levels", "chosen", "trainings"),
    [
        ([0.1, 0.2, 0.3], 0, 2),  # The lower rate is only slower.
        ([0.25, 0.2, 0.22], 1, 3),  # It sticks at the first one.
        ([0.25, 0.25, 0.2], 2, 3),  # At both of them.
        ([0.25, 0.25, 0.25], 0, 3),
        ([np.inf, 0.2, 0.3], 1, 3),
        ([np.inf, np.inf, 0.3], 2, 3),
    ],
)
def test_is_the_highest_rate_that_is_not_clearly_worse(levels, chosen, trainings):
    tried = []

    def train(rate):
        tried.append(rate)
        return proof(rate, levels[len(tried) - 1])

    proofs = prove(0.64, train)
    assert tried == [0.64, 0.08, 0.01][:trainings]
    assert best(proofs).learning_rate == [0.64, 0.08, 0.01][chosen]


@pytest.mark.host
def test_noise_alone_is_not_clearly_worse():
    for seed in range(20):
        one, other = proof(0.8, 0.2, seed=seed), proof(0.1, 0.2, seed=seed + 100)
        assert best([one, other]) is one


# Trainings


def siamese():
    """Return two inputs, a tower that they share, a distance, and its crossentropy's like."""
    keras.utils.set_random_seed(0)
    image = keras.Input((64,))
    tower = image
    for width in (64, 64, 32):
        tower = layers.Dense(width, activation="relu")(tower)
    tower = keras.Model(image, tower)
    pair = [keras.Input((64,)), keras.Input((64,))]
    difference = ops.square(tower(pair[0]) - tower(pair[1]))
    distance = ops.sqrt(ops.maximum(ops.sum(difference, axis=1, keepdims=True), 1e-7))
    model = keras.Model(pair, layers.Dense(1, activation="sigmoid")(distance))
    model.compile(keras.optimizers.RMSprop(1e-3), contrastive)
    return model


def contrastive(y, p):
    return ops.mean((1 - y) * ops.square(p) + y * ops.square(ops.maximum(1 - p, 0)))


def pairs(n=2000):
    """Return pairs of digits, half of them of one kind."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    one, label = rng.integers(len(x), size=n), rng.integers(2, size=n)
    chosen = zip(one, label, strict=True)
    other = [rng.choice(np.flatnonzero((y != y[i]) == bool(differ))) for i, differ in chosen]
    x = (x / 16).astype("float32")
    return [x[one], x[other]], label.astype("float32")


@pytest.mark.host
def test_a_rate_at_which_a_siamese_network_sticks_is_not_suggested():
    x, y = pairs()
    found = find_learning_rate(siamese(), x, y, batch_size=128)
    first, chosen = found.proofs[0], best(found.proofs)
    assert found.suggestion == chosen.learning_rate < first.learning_rate
    assert first.loss > 0.2495  # Half of the pairs are equal: a guess has the loss 1/4.
    assert chosen.loss < 0.247
    assert f"training works less well at {first.learning_rate:.3g}" in found.reason


@pytest.mark.parametrize("make", full_on_torch([sequential, Subclassed], keep=(Subclassed,)))
def test_a_proved_suggestion_leaves_no_trace(make):
    plain = compiled(make)
    expected = fit(plain)
    model = compiled(make)
    found = find_learning_rate(model, *data(32), **ARGUMENTS)
    assert [len(one.losses) for one in found.proofs] in ([12] * 2, [12] * 3)
    assert fit(model) == expected
    assert_equal_states(state_of(model), state_of(plain))


@pytest.mark.host
def test_the_batches_of_a_generator_are_given_again():
    x, y = data(16)
    drawn = []

    def batches():
        for number in range(10**6):
            drawn.append(number)
            yield x, y

    found = find_learning_rate(compiled(sequential), batches(), steps=60, proving_steps=80)
    assert len(found.proofs[0].losses) == 80
    assert len(drawn) <= 62


@pytest.mark.host
def test_shows_itself_in_one_line():
    found = find_learning_rate(compiled(sequential), *data(32), **ARGUMENTS)
    assert re.fullmatch(
        r"<LearningRateRange: suggestion [\d.e-]+, \d+ points from 1e-06 to [\d.]+, ending: \w+>",
        repr(found),
    )
    assert "A training of 12 steps there ends at a loss of" in str(found)


# Built by its step


class Parts(keras.Model):
    """Has no `call`: its step trains a part, which it builds."""

    def __init__(self):
        super().__init__()
        self.part = keras.Sequential(
            [layers.Dense(8, "relu"), layers.Dropout(0.2, seed=3), layers.BatchNormalization()]
        )
        self.head = layers.Dense(2)

    def train_step(self, data):
        import tensorflow as tf

        x, _ = data
        with tf.GradientTape() as tape:
            loss = ops.mean((self.head(self.part(x, training=True)) - x[:, :2]) ** 2)
        weights = [*self.part.trainable_weights, *self.head.trainable_weights]
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("eager", [False, True])
def test_a_model_that_only_its_step_builds_is_as_without_the_test(eager):
    def made():
        keras.utils.set_random_seed(1)
        model = Parts()
        model.compile(keras.optimizers.Adam(0.01), run_eagerly=eager)
        return model

    def trained(model):
        model.fit(*data(32), batch_size=8, epochs=2, verbose=0, shuffle=False)
        return state_of(model)

    expected = trained(made())
    model = made()
    arguments = {"steps": 20, "proving_steps": 3} if eager else {"steps": 60, "proving_steps": 12}
    find_learning_rate(model, *data(32), batch_size=8, **arguments)
    assert_equal_states(trained(model), expected)
