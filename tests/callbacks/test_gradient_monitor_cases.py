"""What people do with `fit`: recorded where possible, refused with a warning, never disturbed."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.monitored import assert_same_training, compiled, data, fit, softmax
from tests.contracts import assert_close, assert_same_weights

BACKEND = keras.backend.backend()


def observed(make=softmax, optimizer=lambda: keras.optimizers.SGD(0.1), rows=16, **arguments):
    """Train one model plain and its twin monitored, compare them, return the record."""
    plain = compiled(make, optimizer(), **arguments)
    model = compiled(make, optimizer(), **arguments)
    monitor = GradientMonitor(every=1, fetch_every=2)
    expected = fit(plain, rows=rows)
    assert_same_training(model, fit(model, [monitor], rows=rows), plain, expected)
    return monitor.history


usual = functools.cache(observed)


def test_eager_steps():
    assert_close(observed(run_eagerly=True).table, usual().table)


@pytest.mark.backend("tensorflow", "jax")
@pytest.mark.parametrize("jit_compile", [True, False])
def test_with_and_without_xla(jit_compile):
    assert len(observed(jit_compile=jit_compile).steps) == 4


@pytest.mark.backend("tensorflow", "jax")
def test_every_step_of_one_execution_is_recorded():
    history = observed(rows=24, steps_per_execution=2)
    assert history.steps.tolist() == list(range(6))
    assert_close(history.table, observed(rows=24).table)


def test_mixed_precision():
    full = usual()
    keras.config.set_dtype_policy("mixed_float16")
    half = observed(
        optimizer=lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 64.0)
    )
    np.testing.assert_allclose(half["norm"], full["norm"], rtol=5e-3)


def frozen():
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3, name="held"), layers.Dense(2, "softmax", name="out")]
    )
    model.layers[0].trainable = False
    return model


def test_frozen_layers_have_no_row():
    names = observed(frozen).variables
    assert [name.split("/")[-2] for name in names] == ["out", "out"]


class Unused(keras.Model):
    """Holds a weight that its output does not depend on."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(2, "softmax", name="out")

    def build(self, shape):
        self.idle = self.add_weight(shape=(2,), name="idle", initializer="ones")
        self.out.build(shape)

    def call(self, x):
        return self.out(x)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.filterwarnings("ignore:The following gradients are None")
def test_unused_variable_has_a_zero_gradient():
    history = observed(Unused)
    (idle,) = (i for i, name in enumerate(history.variables) if name.endswith("idle"))
    assert history["norm"][:, idle].tolist() == [0, 0, 0, 0]
    assert history["zero_fraction"][:, idle].tolist() == [1, 1, 1, 1]


class Twins(keras.Model):
    """Two layers of one name, the first of them used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (layers.Dense(3, name="twin") for _ in range(2))
        self.out = layers.Dense(2, "softmax", name="out")

    def call(self, x):
        return self.out(self.second(self.first(self.first(x))))


def test_layers_of_one_name_are_told_apart():
    history = observed(Twins)
    assert [name.split("/")[-1] for name in history.layers] == ["twin", "twin#2", "out"]
    assert history.by_layer("norm").shape == (4, 3)


def test_many_inputs_and_outputs():
    inputs = {name: keras.Input((3,), name=name) for name in ("a", "b")}
    outputs = {f"{name}_out": layers.Dense(1, name=f"{name}_out")(x) for name, x in inputs.items()}
    x, y = data(16)
    monitor = GradientMonitor(every=1)
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"a_out": "mse", "b_out": "mse"})
    model.fit(
        {"a": x, "b": x},
        {"a_out": y, "b_out": y},
        sample_weight={"a_out": np.ones(16), "b_out": np.zeros(16)},
        batch_size=8,
        verbose=0,
        callbacks=[monitor],
    )
    norms = dict(zip(monitor.history.layers, monitor.history.by_layer("norm")[0], strict=True))
    assert norms["a_out"] > 0
    assert norms["b_out"] == 0


def embedding():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Embedding(5, 2, name="table"),
            layers.Flatten(),
            layers.Dense(2, "softmax"),
        ]
    )


def test_embedding_rows_without_gradient_count_as_zero():
    model = compiled(embedding)
    monitor = GradientMonitor(every=1)
    x, y = np.array([[0, 1, 1]]), np.array([0])
    model.fit(x, y, verbose=0, callbacks=[monitor])
    assert monitor.history["zero_fraction"][0, 0] == np.float32(0.6)


class Custom(keras.Sequential):
    """A train step of its own, on every backend."""

    def train_step(self, *arguments):
        return super().train_step(*arguments)


def test_custom_train_step():
    assert len(observed(lambda: Custom(softmax().layers)).steps) == 4


class Pair(keras.Model):
    """Two networks, each with an optimizer of its own, as in adversarial training."""

    def __init__(self):
        super().__init__()
        self.one, self.two = layers.Dense(1, name="one"), layers.Dense(1, name="two")

    def build(self, shape):
        self.one.build(shape)
        self.two.build(shape)

    def call(self, x):
        return self.one(x) + self.two(x)

    def compile(self, one, two):
        super().compile(optimizer=None)
        self.optimizer_one, self.optimizer_two = one, two

    def train_step(self, data):
        for layer, optimizer in ((self.one, self.optimizer_one), (self.two, self.optimizer_two)):
            weights = layer.trainable_variables
            optimizer.apply([ops.ones(w.shape) for w in weights], weights)
        return {"loss": ops.zeros(())}


@pytest.mark.backend("tensorflow", "torch")
def test_every_optimizer_of_the_model_is_seen():
    model, monitor = Pair(), GradientMonitor(every=1)
    model.build((None, 3))
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2))
    x, y = data(8)
    model.fit(x, y, verbose=0, callbacks=[monitor])
    assert [name.split("/")[-2] for name in monitor.history.variables] == ["one"] * 2 + ["two"] * 2
    assert_close(monitor.history["update_norm"], [[0.1 * 3**0.5, 0.1, 0.2 * 3**0.5, 0.2]])


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_of_unknown_length():
    def batches():
        x, y = data(40)
        for i in range(0, 40, 8):
            yield x[i : i + 8], y[i : i + 8]

    monitor = GradientMonitor(every=1, fetch_every=2)
    compiled(softmax).fit(batches(), shuffle=False, verbose=0, callbacks=[monitor])
    assert len(monitor.history.steps) == 5


class Unoptimized(keras.Sequential):
    """A train step that asks no optimizer."""

    def train_step(self, *arguments):
        logs = {"loss": ops.zeros(())}
        return (logs, arguments[0]) if BACKEND == "jax" else logs


class Conditional(keras.Sequential):
    """An update inside a conditional, whose tensors cannot leave it."""

    def train_step(self, *arguments):
        if BACKEND == "jax":
            import jax

            return jax.lax.cond(True, super().train_step, super().train_step, *arguments)
        import tensorflow as tf

        step = functools.partial(super().train_step, *arguments)
        return tf.cond(tf.constant(True), step, step)


@pytest.mark.parametrize("cls", [Unoptimized, Conditional] if BACKEND != "torch" else [Unoptimized])
def test_step_that_cannot_be_observed_trains_on_after_one_warning(cls):
    plain, model = (compiled(lambda: cls(softmax().layers)) for _ in range(2))
    for twin in (plain, model):
        twin.optimizer.build(twin.trainable_variables)
    monitor = GradientMonitor(every=1)
    expected = fit(plain)
    with pytest.warns(UserWarning, match="cannot observe this model") as caught:
        history = fit(model, [monitor])
    assert sum("cannot observe" in str(warning.message) for warning in caught) == 1
    assert history == expected
    assert_same_weights(model, plain)
    with pytest.raises(RuntimeError, match="recorded nothing"):
        _ = monitor.history
