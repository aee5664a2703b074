"""The parts in one model: none may disturb another."""

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, SwapIterate
from keras_trainkit.initializers import for_activation
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG, Adam
from keras_trainkit.schedules import InverseTimeDecay
from tests import contracts

EPOCHS = 4


def data():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(64, 6)).astype("float32")
    return x, np.tanh(x[:, :1] * x[:, 1:2])


def network(optimizer):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, use_bias=False, kernel_initializer=for_activation("relu")),
            BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
            Dropout(0.2, seed=1),
            keras.layers.Dense(1, kernel_initializer=for_activation("linear")),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def fit(model, *callbacks, **arguments):
    return model.fit(
        *data(),
        epochs=EPOCHS,
        batch_size=16,
        validation_split=0.25,
        shuffle=False,
        callbacks=list(callbacks),
        verbose=0,
        **arguments,
    )


def nag():
    return NAG(InverseTimeDecay(0.05, decay_steps=3, decay_rate=0.5))


def attention(optimizer):
    """Return a model whose gradients reach the optimizer from many kinds of operations."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inputs = keras.Input((6,))
    x = layers.Conv1D(4, 3, use_bias=False)(layers.Reshape((6, 1))(inputs))
    x = layers.ReLU()(BatchNormalization()(x))
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x))
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(3)(layers.PReLU()(x))))
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)  # TensorFlow otherwise traces the step twice.
    return model


@pytest.mark.parametrize(
    ("build", "optimizer"),
    [
        (network, nag),
        pytest.param(attention, Adam, marks=pytest.mark.short("tensorflow", "torch")),
        pytest.param(network, Adam, marks=pytest.mark.short("torch")),
        pytest.param(attention, nag, marks=pytest.mark.short("torch")),
    ],
)
def test_monitored_training_is_the_same_bit_for_bit(build, optimizer):
    plain, monitored, monitor = build(optimizer()), build(optimizer()), GradientMonitor(every=1)
    expected, actual = fit(plain).history, fit(monitored, monitor).history
    contracts.assert_same_weights(plain, monitored)
    for slot, other in zip(plain.optimizer.variables, monitored.optimizer.variables, strict=True):
        np.testing.assert_array_equal(contracts.array(slot), contracts.array(other))
    assert expected == {name: actual[name] for name in expected}
    assert np.isfinite(monitor.history["norm"]).all()


def test_second_fit_with_nag_is_monitored_from_the_look_ahead_point():
    plain, monitored = network(nag()), network(nag())
    for _ in range(2):
        fit(plain)
        fit(monitored, GradientMonitor(every=1))
    contracts.assert_same_weights(plain, monitored)


class Raise(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == EPOCHS - 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted", [False, True])
def test_best_epoch_comes_back_with_nag_and_training_goes_on(interrupted):
    model, stopping = network(nag()), EarlyStopping(patience=EPOCHS)
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            fit(model, SwapIterate(), stopping, Raise())
    else:
        fit(model, SwapIterate(), stopping)
    x, y = data()
    np.testing.assert_allclose(model.evaluate(x[48:], y[48:], verbose=0), stopping.best, rtol=1e-6)
    for value, best in zip(model.get_weights(), stopping.best_weights, strict=True):
        np.testing.assert_array_equal(value, best)
    assert np.isfinite(fit(model).history["loss"]).all()
