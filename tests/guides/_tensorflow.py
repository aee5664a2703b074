"""What the guides write by hand for TensorFlow."""

import tensorflow as tf


def minimize(model, optimizer, part, loss_of):
    """Update the weights of a part of a model by one step down a loss, which may build it."""
    with tf.GradientTape() as tape:
        loss = loss_of()
    weights = part.trainable_weights
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


def input_gradient(function, x):
    """Return the gradient of a function's sum at `x`, through which gradients may pass."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def stateful_normal(shape):
    return tf.random.normal(shape)
