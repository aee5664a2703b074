"""Training calls of a layer with their derivatives, on every backend."""

import keras
from keras import ops


def differentiated(layer, **call_arguments):
    """Return a function of x and upstream: y and the gradients of `sum(upstream * y)`.

    The gradients are those for x and for each trainable variable. The layer's state moves.
    """
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    step = make(layer, call_arguments)

    def call(x, upstream):
        x = ops.convert_to_tensor(x, layer.compute_dtype)
        upstream = ops.convert_to_tensor(upstream, layer.compute_dtype)
        return [ops.convert_to_numpy(result) for result in step(x, upstream)]

    return call


def _tensorflow(layer, call_arguments):
    import tensorflow as tf

    def step(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True, **call_arguments)
            loss = ops.sum(y * upstream)
        return y, *tape.gradient(loss, [x, *[v.value for v in layer.trainable_variables]])

    return step


def _jax(layer, call_arguments):
    import jax

    def loss(x, weights, state, upstream):
        y, moved = layer.stateless_call(weights, state, x, training=True, **call_arguments)
        return ops.sum(y * upstream), (y, moved)

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))

    def step(x, upstream):
        weights = [v.value for v in layer.trainable_variables]
        state = [v.value for v in layer.non_trainable_variables]
        (dx, dweights), (y, moved) = gradient(x, weights, state, upstream)
        for variable, value in zip(layer.non_trainable_variables, moved, strict=True):
            variable.assign(value)
        return y, dx, *dweights

    return step


def _torch(layer, call_arguments):
    import torch

    def step(x, upstream):
        x.requires_grad_()
        y = layer(x, training=True, **call_arguments)
        weights = [v.value for v in layer.trainable_variables]
        return y, *torch.autograd.grad(ops.sum(y * upstream), [x, *weights])

    return step
