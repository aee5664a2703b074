"""Models that are recorded in a special way, or that cannot be recorded."""

import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.gradient_monitor.configurations import Twins
from tests.callbacks.monitored import compiled, data, fit, softmax
from tests.contracts import assert_same_weights

pytestmark = pytest.mark.oldest

BACKEND = keras.backend.backend()


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


def test_layers_of_one_name_are_told_apart():
    model, monitor = compiled(Twins), GradientMonitor(every=1)
    fit(model, [monitor], epochs=1)
    assert [name.split("/")[-1] for name in monitor.history.layers] == ["twin", "twin#2", "out"]
    assert monitor.history.by_layer("norm").shape == (3, 3)


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
