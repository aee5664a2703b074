"""Steps that run eagerly on JAX, as Keras runs those of models with layers that XLA cannot take."""

import logging

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.reductions import careful_norms
from keras_trainkit.callbacks.gradient_monitor import session_class

pytestmark = pytest.mark.backend("jax")


class Compilations(logging.Handler):
    """Notes at each step how many functions have been compiled."""

    def __init__(self):
        super().__init__()
        self.count, self.counts = 0, []

    def emit(self, record):
        self.count += record.getMessage().startswith("Compiling")

    def callback(self):
        def on_train_batch_begin(batch, logs):
            self.counts.append(self.count)

        return keras.callbacks.LambdaCallback(on_train_batch_begin=on_train_batch_begin)


def rotating(dense):
    return [keras.layers.RandomRotation(0.1, seed=1), keras.layers.Flatten(), *dense]


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize(
    ("layers_around", "eagerly"),
    [
        (list, True),
        # Keras compiles no step of a model with such a layer.
        pytest.param(rotating, False, marks=pytest.mark.short()),
    ],
)
def test_compile_nothing_anew(layers_around, eagerly, dead, monkeypatch):
    import jax

    dense = [keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
    shape = (3,) if eagerly else (4, 4, 1)
    model = keras.Sequential([keras.Input(shape), *layers_around(dense)])
    if dead:  # Gradients of zero take the careful way.
        dense[0].bias.assign([-1e9] * 3)
    model.compile(keras.optimizers.SGD(global_clipnorm=1.0), "mse", run_eagerly=eagerly)
    assert not model.jit_compile
    monitor = GradientMonitor(1, ("full", "cosine", "histograms"))
    seen, logger = Compilations(), logging.getLogger("jax")
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(seen)
    x = np.random.default_rng(0).normal(size=(16, *shape))
    try:
        with jax.log_compiles():
            jax.jit(lambda x: x + 1)(1)
            model.fit(x, np.ones((16, 2)), 4, verbose=0, callbacks=[monitor, seen.callback()])
    finally:
        logger.removeHandler(seen)
    assert seen.counts[0] > 0
    assert seen.counts[2] == seen.counts[-1]
    assert len(monitor.history.steps) == 4


@pytest.mark.parametrize("value", [1.0, 0.0, 1e25, 1e-30, np.nan, np.inf])
def test_have_the_norms_of_compiled_steps(value):
    import jax

    reductions = session_class().reductions(keras.Sequential())
    rows = np.random.default_rng(0).normal(size=(3, 70)).astype("float32")
    rows[1:] *= value
    rows = jax.numpy.asarray(rows)
    plain = reductions.plain_norms(rows)

    def regular(rows):
        return plain, jax.numpy.zeros_like(plain)

    # A conditional of its own, compiled apart from what surrounds it.
    expected = jax.lax.cond(value == 1.0, regular, careful_norms, rows)
    for found, wanted in zip(reductions.norms(rows), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
