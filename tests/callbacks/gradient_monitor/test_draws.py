"""Random numbers of the training step: the monitor leaves every stream where it would be."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor
from tests.contracts import assert_same_weights

BACKEND = keras.backend.backend()


def of_tensorflow():
    """Return draws of each kind: by operations, in functions that are called, in Python."""
    import tensorflow as tf

    nested = tf.function(lambda x: tf.random.normal(tf.shape(x)))
    return {
        "tf.random.normal": lambda x: x + tf.random.normal(tf.shape(x)),
        "seed of the operation": lambda x: x + tf.random.uniform(tf.shape(x), seed=3),
        "tf.nn.dropout": lambda x: tf.nn.dropout(x, 0.5),
        "tf.random.shuffle": lambda x: x + tf.random.shuffle(x),
        "tf.image": lambda x: tf.image.random_brightness(x[:, None, :, None], 0.5)[:, 0, :, 0],
        "nested function": lambda x: x + nested(x),
        "branch": lambda x: tf.cond(tf.size(x) > 0, lambda: tf.nn.dropout(x, 0.5), lambda: x),
        "tf.numpy_function": lambda x: x + tf.numpy_function(noise, [], tf.float32),
    }


def of_jax():
    import jax

    shape = jax.ShapeDtypeStruct((4,), "float32")
    return {
        "key": lambda x: x + jax.random.normal(jax.random.key(np.random.randint(99)), x.shape),
        "pure_callback": lambda x: x + jax.pure_callback(noise, shape),
    }


def of_torch():
    import torch

    return {
        "torch.randn": lambda x: x + torch.randn_like(x),
        "functional.dropout": lambda x: torch.nn.functional.dropout(x, 0.5, True),
        "keras.random": lambda x: x + keras.random.normal(x.shape),
    }


def noise():
    return np.random.normal(size=4).astype("float32")


DRAWS = {
    "NumPy": lambda x: x + noise(),
    **{"tensorflow": of_tensorflow, "jax": of_jax, "torch": of_torch}[BACKEND](),
}


class Noisy(layers.Layer):
    """Draws in training and, as old layers do, at inference."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def call(self, x):
        return keras.ops.reshape(self.draw(x), (-1, 4))

    def compute_output_shape(self, shape):
        return shape


def trained(draw, *callbacks, **arguments):
    """Fit twice, with partial batches; return the model and what was logged."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), Noisy(draw), layers.Dense(1)])
    model.compile("adam", "mse", **arguments)
    x = np.random.default_rng(0).normal(size=(20, 3))
    losses = []
    for epochs, of_fit in zip((2, 1), (callbacks[0], callbacks[-1]), strict=True):
        fit = {"batch_size": 4, "epochs": epochs, "verbose": 0, "callbacks": of_fit}
        losses += model.fit(x, np.ones((20, 1)), **fit).history["loss"]
    return model, losses


# One of each backend is in the short form.
SHORT = ("tf.random.normal", "key", "torch.randn")
LONG = pytest.mark.short()


@pytest.mark.parametrize(
    ("draw", "probe"),
    [
        pytest.param(draw, probe, id=f"{name}, probe {probe}", marks=marks)
        for name, draw in DRAWS.items()
        for probe in (None, "first_batch")
        for marks in [[] if name in SHORT and probe else LONG]
    ],
)
def test_training_that_draws_is_the_same_bit_for_bit(draw, probe):
    plain, expected = trained(draw, [])
    monitor = GradientMonitor(every=7, probe=probe)
    model, losses = trained(draw, [monitor])
    assert losses == expected
    assert_same_weights(model, plain)
    assert monitor.history.steps.tolist() == [14]
    assert (monitor.history.activations is None) == (probe is None)


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize(
    "name", [name if name in SHORT else pytest.param(name, marks=LONG) for name in DRAWS]
)
def test_stream_goes_on_in_a_fit_without_the_monitor(name):
    plain, expected = trained(DRAWS[name], [])
    monitor = GradientMonitor(every=2)
    model, losses = trained(DRAWS[name], [monitor], [])
    assert losses == expected
    assert_same_weights(model, plain)
    assert monitor.history.steps.tolist() == [0, 2, 4, 6, 8]


@pytest.mark.backend("tensorflow")
def test_stream_that_began_with_another_monitor_is_a_warning():
    model, _ = trained(DRAWS["tf.random.normal"], [GradientMonitor()], [])
    fit = {"verbose": 0, "callbacks": [GradientMonitor()]}
    with pytest.warns(UserWarning, match="the stream begins anew"):
        model.fit(np.ones((8, 3)), np.ones((8, 1)), **fit)


@LONG
@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("arguments", [{"steps_per_execution": 2}, {"run_eagerly": True}])
def test_draws_of_steps_in_one_call_and_of_eager_steps(arguments):
    draw = DRAWS["tf.random.normal"]
    _, expected = trained(draw, [], **arguments)
    assert trained(draw, [GradientMonitor(every=7)], **arguments)[1] == expected


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("draw", [layers.Dropout(0.5), DRAWS.get("tf.numpy_function")])
def test_steps_without_a_stream_of_their_own_run_the_model_s_function(draw):
    monitor = GradientMonitor(every=7)
    trained(draw, [monitor])
    assert monitor._session.draws is False


@pytest.mark.backend("tensorflow")
def test_stream_that_began_without_the_monitor_is_a_warning():
    model, _ = trained(DRAWS["tf.random.normal"], [])
    fit = {"verbose": 0, "callbacks": [GradientMonitor()]}
    with pytest.warns(UserWarning, match="the stream begins anew"):
        model.fit(np.ones((8, 3)), np.ones((8, 1)), **fit)
    model.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(np.ones((8, 3)), np.ones((8, 1)), **fit)


@pytest.mark.backend("tensorflow")
def test_draws_between_the_updates_of_adversarial_training():
    """As in WGAN-GP: noise, an update, noise again, another update."""
    import tensorflow as tf

    class Adversarial(keras.Model):
        def __init__(self):
            super().__init__()
            self.critic, self.generator = (
                keras.Sequential([keras.Input((3,)), layers.Dense(width)]) for width in (1, 3)
            )

        def compile(self):
            super().compile("adam")
            self.other = keras.optimizers.Adam(0.01)

        def train_step(self, data):
            for _ in range(2):
                share = tf.random.uniform((tf.shape(data)[0], 1))
                false = self.generator(tf.random.normal(tf.shape(data)))
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(self.critic(share * data + (1 - share) * false) ** 2)
                weights = self.critic.trainable_variables
                self.optimizer.apply(tape.gradient(loss, weights), weights)
            with tf.GradientTape() as tape:
                false = self.generator(tf.random.normal(tf.shape(data)))
                loss = -tf.reduce_mean(self.critic(false))
            weights = self.generator.trainable_variables
            self.other.apply(tape.gradient(loss, weights), weights)
            return {"loss": loss}

    def losses(callbacks):
        keras.utils.set_random_seed(0)
        model = Adversarial()
        model.compile()
        x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
        fit = {"batch_size": 4, "epochs": 2, "verbose": 0, "callbacks": callbacks}
        return model.fit(x, **fit).history["loss"]

    with pytest.warns(UserWarning, match="updates .* more than once"):
        observed = losses([GradientMonitor(every=7)])
    assert observed == losses([])
