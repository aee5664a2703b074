"""A layer's training step and its inference, compiled as each backend does, ready to be timed."""

from collections.abc import Callable

import keras
import numpy as np

Run = Callable[[], object]


def training(layer: keras.layers.Layer, x: np.ndarray) -> Run:
    """Return a function that runs the layer and its backward pass once, and waits for it."""
    layer.build(x.shape)
    upstream = np.random.default_rng(1).normal(size=x.shape).astype(x.dtype)
    return BACKENDS[keras.backend.backend()].training(layer, x, upstream)


def inference(layer: keras.layers.Layer, x: np.ndarray) -> Run:
    """Return a function that runs the layer at inference once, and waits for it."""
    layer.build(x.shape)
    return BACKENDS[keras.backend.backend()].inference(layer, x)


class _TensorFlow:
    @staticmethod
    def training(layer: keras.layers.Layer, x: np.ndarray, upstream: np.ndarray) -> Run:
        import tensorflow as tf

        weights = [v.value for v in layer.trainable_variables]

        @tf.function
        def step(x, upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
            return y, tape.gradient(y, [x, *weights], upstream)

        x, upstream = tf.constant(x), tf.constant(upstream)
        return lambda: step(x, upstream)

    @staticmethod
    def inference(layer: keras.layers.Layer, x: np.ndarray) -> Run:
        import tensorflow as tf

        step = tf.function(lambda x: layer(x, training=False))
        x = tf.constant(x)
        return lambda: step(x)


class _Jax:
    @staticmethod
    def training(layer: keras.layers.Layer, x: np.ndarray, upstream: np.ndarray) -> Run:
        import jax

        @jax.jit
        def step(weights, state, x, upstream):
            def call(x, weights):
                return layer.stateless_call(weights, state, x, training=True)

            y, pull, moved = jax.vjp(call, x, weights, has_aux=True)
            return y, pull(upstream), moved

        weights, state = (
            [v.value for v in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        x, upstream = jax.numpy.asarray(x), jax.numpy.asarray(upstream)
        return lambda: jax.block_until_ready(step(weights, state, x, upstream))

    @staticmethod
    def inference(layer: keras.layers.Layer, x: np.ndarray) -> Run:
        import jax

        @jax.jit
        def step(weights, state, x):
            return layer.stateless_call(weights, state, x, training=False)[0]

        weights, state = (
            [v.value for v in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        x = jax.numpy.asarray(x)
        return lambda: jax.block_until_ready(step(weights, state, x))


class _Torch:
    @staticmethod
    def training(layer: keras.layers.Layer, x: np.ndarray, upstream: np.ndarray) -> Run:
        import torch

        weights = [v.value for v in layer.trainable_variables]
        x, upstream = torch.tensor(x, requires_grad=True), torch.tensor(upstream)

        def step():
            y = layer(x, training=True)
            return y, torch.autograd.grad(y, [x, *weights], upstream)

        return step

    @staticmethod
    def inference(layer: keras.layers.Layer, x: np.ndarray) -> Run:
        import torch

        x = torch.tensor(x)

        def step():
            with torch.no_grad():
                return layer(x, training=False)

        return step


BACKENDS = {"tensorflow": _TensorFlow, "jax": _Jax, "torch": _Torch}
