"""NAG against its recursion, PyTorch, Keras and optax; and the two positions of the model."""

import copy

import keras
import numpy as np
import optax
import pytest
import torch
from keras import ops

from keras_trainkit.optimizers import NAG
from tests import contracts
from tests.references import optimizers as references

in_float64 = pytest.mark.backend("tensorflow", "torch")


def quadratic():
    factor = np.random.default_rng(2).normal(size=(6, 6))
    hessian = factor @ factor.T / 6
    return lambda w: hessian @ w


def logistic():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, 6))
    y = (x @ rng.normal(size=6) > 0).astype("float64")
    return lambda w: x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y)


def learning_rate(step):
    return 0.3 / (1 + 0.05 * step)


def held(variable):
    return ops.convert_to_numpy(variable.value).copy()


def step(optimizer, variable, gradient, rate):
    optimizer.learning_rate = rate
    optimizer.apply([ops.convert_to_tensor(gradient, dtype=variable.dtype)], [variable])


@in_float64
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("gradient", [quadratic(), logistic()], ids=["quadratic", "logistic"])
def test_follows_the_exact_recursion_under_a_changing_learning_rate(gradient):
    start = np.linspace(-1, 1, 6)
    twin = references.NAG(start, gradient)
    variable, optimizer = keras.Variable(start), NAG()
    for t in range(100):
        step(optimizer, variable, gradient(held(variable)), learning_rate(t))
        twin.step(learning_rate(t))
        contracts.assert_close(variable, twin.lookahead, "float64")
        contracts.assert_close(optimizer.velocities[0], twin.v, "float64")
        with optimizer.at_iterate():
            contracts.assert_close(variable, twin.w, "float64")


@in_float64
@pytest.mark.usefixtures("float64")
def test_follows_the_recursion_through_interruptions():
    gradient = quadratic()
    twin = references.NAG(np.ones(6), gradient)
    variable, optimizer = keras.Variable(np.ones(6)), NAG()
    for t in range(20):
        step(optimizer, variable, gradient(held(variable)), 0.1)
        twin.step(0.1)
        if t % 3 == 0:
            optimizer.finalize_variable_values([variable])
            contracts.assert_close(variable, twin.w, "float64")
            optimizer.resume()
    contracts.assert_close(variable, twin.lookahead, "float64")


@in_float64
@pytest.mark.usefixtures("float64")
def test_training_on_from_the_iterate_is_a_momentum_step():
    """A loop that skips `resume` hands in grad L(w): w still moves by -v, nothing jumps."""
    variable, optimizer = keras.Variable(np.ones(1)), NAG(0.1, momentum=0.5)
    step(optimizer, variable, [2.0], 0.1)
    optimizer.finalize_variable_values([variable])
    contracts.assert_close(variable, [0.8], "float64")
    step(optimizer, variable, [1.0], 0.1)
    with optimizer.at_iterate():
        contracts.assert_close(variable, [0.8 - (0.5 * 0.2 + 0.1 * 1.0)], "float64")


@in_float64
@pytest.mark.usefixtures("float64")
def test_look_ahead_points_equal_torch_and_keras():
    """PyTorch keeps the learning rate out of the velocity: the same only while it is constant."""
    gradient = logistic()
    start = np.linspace(-1, 1, 6)
    ours, keras_variable = keras.Variable(start), keras.Variable(start)
    mine, theirs = NAG(0.1), keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    weight = torch.tensor(start, requires_grad=True)
    peer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(100):
        step(mine, ours, gradient(held(ours)), 0.1)
        step(theirs, keras_variable, gradient(held(keras_variable)), 0.1)
        weight.grad = torch.tensor(gradient(weight.detach().numpy()))
        peer.step()
        contracts.assert_close(ours, keras_variable)  # Keras rounds its momentum to float32.
        contracts.assert_close(ours, weight.detach().numpy(), "float64")


def test_equals_optax():
    gradient = quadratic()
    start = np.linspace(-1, 1, 6).astype("float32")
    variable, optimizer = keras.Variable(start), NAG(0.05)
    rule = optax.sgd(0.05, momentum=0.9, nesterov=True)
    weight, state = start, rule.init(start)
    for _ in range(20):
        step(optimizer, variable, gradient(held(variable)), 0.05)
        update, state = rule.update(gradient(weight).astype("float32"), state)
        weight = np.asarray(optax.apply_updates(weight, update))
    contracts.assert_close(variable, weight)


def network(optimizer=None):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(optimizer or NAG(0.05), "mse")
    return model


def data():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(32, 4)).astype("float32")
    return x, x[:, :3] ** 2


def fit(model, **arguments):
    model.fit(*data(), batch_size=8, shuffle=False, verbose=0, **arguments)


def linear_gradient(model_weights):
    """Return what turns (kernel, bias) into the gradient of batch `i` of `data`."""
    x, y = (part.astype("float64") for part in data())

    def gradient(kernel, bias, batch):
        rows = slice(8 * batch, 8 * batch + 8)
        error = 2 * (x[rows] @ kernel + bias - y[rows]) / y[rows].size
        return x[rows].T @ error, error.sum(axis=0)

    return gradient


def test_model_holds_the_iterate_after_fit():
    model = network()
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    velocities = [np.zeros_like(kernel), np.zeros_like(bias)]
    gradient = linear_gradient(model)
    for batch in range(4):
        ahead = (kernel - 0.9 * velocities[0], bias - 0.9 * velocities[1])
        for velocity, g in zip(velocities, gradient(*ahead, batch), strict=True):
            velocity *= 0.9
            velocity += 0.05 * g
        kernel, bias = kernel - velocities[0], bias - velocities[1]
    fit(model)
    contracts.assert_close(model.get_weights()[0], kernel)
    contracts.assert_close(model.get_weights()[1], bias)


def test_nothing_stays_on_the_model_once_the_next_fit_runs():
    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            assert "make_train_function" not in self.model.__dict__

    model = network()
    fit(model, callbacks=[Look()])
    fit(model, callbacks=[Look()])


def test_train_on_batch_continues_from_the_look_ahead_point():
    x, y = data()
    straight, stopped = network(), network()
    fit(straight, epochs=1)
    fit(stopped, epochs=1)
    straight.optimizer.resume()
    before = straight.get_weights()
    stopped.train_on_batch(x[:8], y[:8])
    straight.train_on_batch(x[:8], y[:8])
    assert not np.array_equal(before[0], straight.get_weights()[0])
    contracts.assert_same_weights(straight, stopped)


def test_at_iterate_puts_back_every_bit_also_after_an_exception():
    model = network()
    model.train_on_batch(*data())
    before = model.get_weights()

    def look():
        with model.optimizer.at_iterate():
            assert not np.array_equal(before[0], model.get_weights()[0])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        look()
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_looking_at_the_iterate_during_fit_does_not_disturb_training():
    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with self.model.optimizer.at_iterate():
                self.model.evaluate(*data(), verbose=0)

    plain, watched = network(), network()
    fit(plain, epochs=2)
    fit(watched, epochs=2, callbacks=[Evaluate()])
    contracts.assert_same_weights(plain, watched)


def test_continues_behind_loss_scaling():
    def scaled():
        return network(keras.optimizers.LossScaleOptimizer(NAG(0.05), initial_scale=4.0))

    once, twice = scaled(), scaled()
    fit(once, epochs=4)
    fit(twice, epochs=2)
    fit(twice, epochs=2)
    for expected, actual in zip(once.get_weights(), twice.get_weights(), strict=True):
        contracts.assert_close(actual, expected)


def test_another_optimizer_is_left_alone_after_recompiling():
    model = network()
    fit(model)
    weights = model.get_weights()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    fit(model)
    for value, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_copied_model_continues_on_its_own():
    model = network()
    fit(model)
    twin = copy.deepcopy(model)
    fit(model)
    assert not np.array_equal(model.get_weights()[0], twin.get_weights()[0])
    fit(twin)
    contracts.assert_same_weights(model, twin)
