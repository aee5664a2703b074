"""NAG against its recursion, Keras and optax; and the two positions of the model."""

import copy
from functools import partial

import keras
import numpy as np
import optax
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG
from tests import contracts
from tests.references import optimizers as references

pytestmark = pytest.mark.oldest

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


def apply(optimizer, variable, gradient):
    optimizer.apply([ops.convert_to_tensor(gradient, dtype=variable.dtype)], [variable])


def step(optimizer, variable, gradient, rate):
    optimizer.learning_rate = rate
    apply(optimizer, variable, gradient)


variants = pytest.mark.parametrize(
    ("arguments", "twin"),
    [
        ({}, references.NAG),
        ({"nesterov": False}, partial(references.NAG, nesterov=False)),
        ({"torch_velocity": True}, references.TorchMomentum),
    ],
    ids=["nag", "heavy-ball", "torch-velocity"],
)


@in_float64
@pytest.mark.usefixtures("float64")
@variants
@pytest.mark.parametrize("gradient", [quadratic(), logistic()], ids=["quadratic", "logistic"])
def test_has_the_papers_velocities_and_iterates_under_a_changing_rate(gradient, arguments, twin):
    """Two variables of which one learns slowly, trained with interruptions."""
    start = np.linspace(-1, 1, 6)
    slow, fast = twins = twin(start), twin(start)
    variables = keras.Variable(start, name="slow"), keras.Variable(start)
    optimizer = NAG(**arguments, learning_rate_multipliers={"slow": 0.1})
    for t in range(30):
        optimizer.learning_rate = learning_rate(t)
        optimizer.apply([ops.convert_to_tensor(gradient(held(v))) for v in variables], variables)
        slow.step(gradient(slow.held), 0.1 * learning_rate(t))
        fast.step(gradient(fast.held), learning_rate(t))
        for i, (variable, expected) in enumerate(zip(variables, twins, strict=True)):
            contracts.assert_close(variable, expected.held, "float64")
            contracts.assert_close(optimizer.velocities[i], expected.v, "float64")
            with optimizer.at_iterate():
                contracts.assert_close(variable, expected.w, "float64")
        if t % 3 == 0:
            optimizer.finalize_variable_values(variables)
            for variable, expected in zip(variables, twins, strict=True):
                contracts.assert_close(variable, expected.w, "float64")
            optimizer.resume()


@pytest.mark.parametrize("arguments", [{}, {"torch_velocity": True}], ids=["own", "torch"])
def test_training_on_from_the_iterate_is_a_momentum_step(arguments):
    """A loop that skips `resume` hands in grad L(w): w still moves by -v, nothing jumps."""
    variable = keras.Variable(np.ones(1), name="slow")
    multipliers = {"slow": 0.5}
    optimizer = NAG(0.2, momentum=0.5, learning_rate_multipliers=multipliers, **arguments)
    apply(optimizer, variable, [2.0])
    optimizer.finalize_variable_values([variable])
    contracts.assert_close(variable, [0.8])
    apply(optimizer, variable, [1.0])
    with optimizer.at_iterate():
        contracts.assert_close(variable, [0.8 - (0.5 * 0.2 + 0.1 * 1.0)])


def test_heavy_ball_is_always_at_the_iterate():
    variable = keras.Variable(np.ones(1))
    optimizer = NAG(0.1, momentum=0.5, nesterov=False)
    for w in 0.8, 0.8 - (0.5 * 0.2 + 0.2):
        step(optimizer, variable, [2.0], 0.1)
        contracts.assert_close(variable, [w])
        before = held(variable)
        with optimizer.at_iterate():
            np.testing.assert_array_equal(held(variable), before)
        optimizer.finalize_variable_values([variable])
        np.testing.assert_array_equal(held(variable), before)


@pytest.mark.parametrize("nesterov", [True, False])
def test_equals_keras_under_a_changing_rate(nesterov):
    gradient = logistic()
    start = np.linspace(-1, 1, 6)
    ours, theirs = keras.Variable(start), keras.Variable(start)
    mine = NAG(nesterov=nesterov)
    other = keras.optimizers.SGD(momentum=0.9, nesterov=nesterov)
    for t in range(20):
        step(mine, ours, gradient(held(ours)), learning_rate(t))
        step(other, theirs, gradient(held(theirs)), learning_rate(t))
    contracts.assert_close(ours, theirs)


@pytest.mark.parametrize("nesterov", [True, False])
def test_equals_optax_at_a_constant_rate(nesterov):
    gradient = quadratic()
    start = np.linspace(-1, 1, 6).astype("float32")
    variable, optimizer = keras.Variable(start), NAG(0.05, nesterov=nesterov)
    rule = optax.sgd(0.05, momentum=0.9, nesterov=nesterov)
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


def test_assigning_the_momentum_leaves_the_iterate_where_it_is():
    variable, optimizer = keras.Variable([1.0]), NAG(0.1, momentum=0.5)
    step(optimizer, variable, [2.0], 0.1)
    optimizer.momentum = 0.9
    with optimizer.at_iterate():
        contracts.assert_close(variable, [0.8])
    optimizer.finalize_variable_values([variable])
    contracts.assert_close(variable, [0.8])
    optimizer.resume()
    contracts.assert_close(variable, [0.8 - 0.9 * 0.2])


@pytest.mark.parametrize("arguments", [{}, {"use_ema": True, "ema_momentum": 0.5}], ids=str)
def test_can_end_at_the_look_ahead_point_as_keras_does(arguments):
    """Two fits, of which the second begins where the first has ended."""
    ours = network(NAG(0.05, end_at_iterate=False, **arguments))
    theirs = network(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, **arguments))
    # On JAX Keras's second fit of averages gives the same memory away twice.
    for _ in range(1 if arguments and keras.backend.backend() == "jax" else 2):
        for model in ours, theirs:
            fit(model)
        for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            contracts.assert_close(mine, other)
        assert not ours.optimizer.holds_iterate


@pytest.mark.host
def test_where_fit_ends_stands_in_the_config():
    assert contracts.assert_round_trips(NAG(end_at_iterate=False)).end_at_iterate is False
    with pytest.raises(ValueError, match="`end_at_iterate` must be a bool"):
        NAG(end_at_iterate=0)


@pytest.mark.parametrize("nesterov", [True, False])
def test_without_momentum_it_is_gradient_descent_and_keeps_nothing_else(nesterov):
    ours, theirs = network(NAG(0.05, 0.0, nesterov)), network(keras.optimizers.SGD(0.05))
    for model in ours, theirs:
        fit(model)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        contracts.assert_close(mine, other)
    optimizer = ours.optimizer
    assert [v.name for v in optimizer._variables] == ["iteration", "learning_rate"]
    assert (optimizer.velocities, optimizer.holds_iterate) == ([], True)
    with optimizer.at_iterate():
        contracts.assert_same_weights(ours, ours)


def test_a_momentum_of_0_stays_from_build_on():
    optimizer = NAG(0.1, momentum=0.0)
    optimizer.momentum = 0.5
    optimizer.momentum = 0.0
    optimizer.build([keras.Variable([1.0])])
    optimizer.momentum = 0.0
    message = (
        "`momentum` must be above 0 when the optimizer is built to be assigned later. Received"
    )
    with pytest.raises(ValueError, match=message):
        optimizer.momentum = 0.9
    assert optimizer.momentum == 0.0


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("jit_compile", [None, False, True], ids=["eager", "graph", "xla"])
def test_without_momentum_only_the_rows_of_a_sparse_gradient_are_touched(jit_compile, monkeypatch):
    import tensorflow as tf

    table, optimizer = keras.Variable(np.ones((5, 2))), NAG(0.1, momentum=0.0)
    optimizer.build([table])
    monkeypatch.setattr("keras_trainkit.optimizers._tensorflow.dense", None)

    def step(values):
        optimizer.apply([tf.IndexedSlices(values, tf.constant([3, 1, 3]), (5, 2))], [table])

    if jit_compile is not None:
        step = tf.function(step, jit_compile=jit_compile)
    for _ in range(2):
        step(tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    expected = np.ones((5, 2))
    expected[1] -= 2 * 0.1 * np.array([3.0, 4.0])
    expected[3] -= 2 * 0.1 * np.array([6.0, 8.0])
    contracts.assert_close(table, expected)


@pytest.mark.parametrize(
    "arguments", [{"clipnorm": 0.1}, {"weight_decay": 0.5}, {"skip_nonfinite": True}], ids=str
)
@pytest.mark.backend("tensorflow")
def test_a_sparse_gradient_is_clipped_and_looked_at_as_a_whole(arguments):
    import tensorflow as tf

    sparse, full = keras.Variable(np.ones((4, 2))), keras.Variable(np.ones((4, 2)))
    optimizers = NAG(0.1, 0.0, **arguments), NAG(0.1, 0.0, **arguments)
    slices = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([1, 1]), (4, 2))
    optimizers[0].apply([slices], [sparse])
    apply(optimizers[1], full, [[0, 0], [4.0, 6.0], [0, 0], [0, 0]])
    contracts.assert_close(sparse, full)
