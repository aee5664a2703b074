"""SwapIterate: validation and checkpoints at NAG's iterate, training untouched."""

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import SwapIterate
from keras_trainkit.optimizers import NAG
from tests import contracts

pytestmark = pytest.mark.oldest

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(32, 4)).astype("float32")
Y = X[:, :3] ** 2


def network(optimizer=None):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(optimizer or NAG(0.05), "mse")
    return model


def fit(model, *callbacks, **arguments):
    settings = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    return model.fit(X, Y, callbacks=list(callbacks), **settings | arguments)


class Iterates(keras.callbacks.Callback):
    """Keeps what the iterate and its loss are at the end of each epoch, past the callback."""

    def __init__(self):
        super().__init__()
        self.weights, self.losses = [], []

    def on_epoch_end(self, epoch, logs=None):
        with self.model.optimizer.at_iterate():
            self.losses.append(self.model.evaluate(X, Y, batch_size=8, verbose=0))
            self.weights.append(self.model.get_weights())


def test_validation_measures_the_iterate():
    iterates = Iterates()
    fit(network(), iterates)
    history = fit(network(), SwapIterate(), validation_data=(X, Y))
    np.testing.assert_allclose(history.history["val_loss"], iterates.losses, rtol=1e-6)
    plain = fit(network(), validation_data=(X, Y))
    assert not np.allclose(plain.history["val_loss"], iterates.losses, rtol=1e-3)


def test_checkpoints_hold_the_iterate_and_continue_from_it(tmp_path):
    iterates, path = Iterates(), str(tmp_path / "{epoch}.keras")
    fit(network(), iterates)
    fit(network(), SwapIterate(), keras.callbacks.ModelCheckpoint(path))
    for epoch, weights in enumerate(iterates.weights, start=1):
        stored = keras.saving.load_model(path.format(epoch=epoch))
        for value, expected in zip(stored.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(value, expected)
    straight, resumed = network(), keras.saving.load_model(path.format(epoch=2))
    fit(straight)
    fit(resumed, epochs=1)
    for value, expected in zip(resumed.get_weights(), straight.get_weights(), strict=True):
        contracts.assert_close(value, expected)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"end_at_iterate": False}, {"end_at_iterate": False, "use_ema": True}],
    ids=lambda arguments: "-".join(arguments) or "default",
)
def test_training_is_the_same_bit_for_bit(arguments):
    plain, swapped = network(NAG(0.05, **arguments)), network(NAG(0.05, **arguments))
    for _ in range(2):
        fit(plain)
        fit(swapped, SwapIterate(), validation_data=(X, Y))
        contracts.assert_same_weights(plain, swapped)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_the_next_fit_resumes_after_an_interruption():
    plain, swapped, callback = network(), network(), SwapIterate()
    fit(plain, epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(swapped, callback, Interrupt())
    fit(plain, epochs=1)
    fit(swapped, callback, epochs=1)
    for value, expected in zip(swapped.get_weights(), plain.get_weights(), strict=True):
        contracts.assert_close(value, expected)


def test_serves_an_optimizer_behind_loss_scaling():
    def scaled():
        return network(keras.optimizers.LossScaleOptimizer(NAG(0.05), initial_scale=4.0))

    plain, swapped = scaled(), scaled()
    fit(plain)
    fit(swapped, SwapIterate(), validation_data=(X, Y))
    contracts.assert_same_weights(plain, swapped)


def test_another_optimizer_is_refused():
    message = "`optimizer` must be NAG for SwapIterate. Received: optimizer=SGD"
    with pytest.raises(ValueError, match="must be NAG") as error:
        fit(network(keras.optimizers.SGD()), SwapIterate())
    assert str(error.value) == message
