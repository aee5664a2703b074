"""Batch normalization on TensorFlow: in closed form, or by the fused kernels where these are fast.

The fused kernels need a thread's wake-up for each of their parts, and XLA takes them apart into
E[x^2] - E[x]^2, which cancels. On large float32 inputs on CPUs they halve the time and more.
"""

import math
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from keras_trainkit._backend import runs_on_this_cpu
from keras_trainkit.layers._batch_normalization import FAR

Tensors = tuple[tf.Tensor, ...]

FUSED_FROM = 2**16  # numbers in x
BATCH = 64  # where its size is unknown


def can_normalize_by_batch(x: tf.Tensor) -> bool:
    """Say yes: there is a fast way for everything."""
    return True


def can_normalize(x: tf.Tensor, axis: int) -> bool:
    """Say whether the fused kernel takes `x` as it is, channels last.

    Exporters know it as well. Reshaping other inputs to images would show in what they write, and
    the kernel is slower on few channels at a time.
    """
    return fused_is_fast(x) and x.shape.rank == 4 and axis == 3


def fused_is_fast(x: tf.Tensor) -> bool:
    """Say whether the fused kernels serve `x`."""
    return x.dtype == tf.float32 and runs_on_this_cpu(x)


def normalize_by_batch(
    x: tf.Tensor, axis: int, gamma: tf.Tensor | None, beta: tf.Tensor | None, epsilon: float
) -> Tensors:
    """Return y, the mean and the biased variance."""
    gamma, beta = _filled(gamma, beta, x.shape[axis], x.dtype)
    normalized = _fused_by_batch if prefers_fused(x) else _closed_form
    y, mean, variance = normalized(_rows(x, axis), gamma, beta, epsilon)
    return _from_rows(y, x, axis), mean, variance


def prefers_fused(x: tf.Tensor) -> bool:
    """Say whether the fused kernels are the faster and exact ones for a batch like `x`."""
    sizes = [BATCH if size is None else size for size in x.shape]
    in_xla = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return fused_is_fast(x) and math.prod(sizes) >= FUSED_FROM and not in_xla


def normalize(
    x: tf.Tensor,
    axis: int,
    mean: tf.Tensor,
    variance: tf.Tensor,
    gamma: tf.Tensor | None,
    beta: tf.Tensor | None,
    epsilon: float,
) -> tf.Tensor:
    """Return y by the given mean and variance."""
    gamma, beta = _filled(gamma, beta, x.shape[axis], x.dtype)
    return _fused(x, mean, variance, gamma, beta, epsilon)


def _closed_form(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> Tensors:
    """Return y, the mean and the variance of `(rows, channels)`."""

    @tf.custom_gradient
    def normalized(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        rest, error, mean, variance = _moments(x)
        scale = gamma * tf.math.rsqrt(variance + epsilon)

        def gradient(upstream: tf.Tensor, *_: Any) -> Tensors:
            # Computed anew for second derivatives; graphs merge it with the forward pass.
            rest, error, _, variance = _moments(x)
            inverse = tf.math.rsqrt(variance + epsilon)
            dbeta = tf.reduce_sum(upstream, 0)
            dgamma = (tf.reduce_sum(upstream * rest, 0) - error * dbeta) * inverse
            slope = dgamma * inverse / _count(x)
            shift = error * slope - dbeta / _count(x)
            dx = (upstream - rest * slope + shift) * (gamma * inverse)
            return dx, dgamma, dbeta

        return (rest * scale + (beta - error * scale), mean, variance), gradient

    return normalized(x, gamma, beta)


def _moments(x: tf.Tensor) -> Tensors:
    """Return x less its rounded mean, the rounding error, the mean and the variance."""
    rounded = tf.reduce_sum(x, 0) / _count(x)
    rest = x - rounded
    error = tf.reduce_sum(rest, 0) / _count(x)
    variance = tf.reduce_sum(tf.square(rest), 0) / _count(x) - tf.square(error)
    return rest, error, rounded + error, variance


def _count(rows: tf.Tensor) -> tf.Tensor:
    # An empty batch has gradients, of zero.
    return tf.cast(tf.maximum(tf.shape(rows)[0], 1), rows.dtype)


def _fused_by_batch(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> Tensors:
    """Return y, the mean and the variance of `(rows, channels)`."""

    @tf.custom_gradient
    def normalized(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        y, mean, variance, tilt = _forward(x, gamma, beta, epsilon)

        def gradient(upstream: tf.Tensor, *_: Any) -> Tensors:
            dx, dgamma, dbeta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=upstream,
                x=x,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=mean,
                epsilon=epsilon,
            )
            return dx, dgamma - tilt * dbeta, dbeta

        return (y, mean, variance), gradient

    y, mean, variance = normalized(_images(x), gamma, beta)
    return tf.reshape(y, tf.shape(x)), mean, variance


def _forward(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> Tensors:
    """Return y, the mean, the biased variance, and the mean's rounding error over stddev."""
    y, mean, _, _, variance, _ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=(), variance=(), epsilon=epsilon
    )

    def refined() -> Tensors:
        centered = x - mean
        error = _mean(centered)
        # Not from `variance`: XLA may have compiled what was traced outside of it.
        exact = _mean(tf.square(centered)) - tf.square(error)
        rounded = mean + error
        tilt = (error - (rounded - mean)) * tf.math.rsqrt(exact + epsilon)
        return _fused(centered, error, exact, gamma, beta, epsilon), rounded, exact, tilt

    far = tf.reduce_any(tf.square(mean) > FAR**2 * variance + FAR**2 * epsilon)
    return tf.cond(far, refined, lambda: (y, mean, variance, tf.zeros_like(mean)))


def _mean(rows: tf.Tensor) -> tf.Tensor:
    # The sum that biases need in their backward pass is the fastest over rows.
    return tf.raw_ops.BiasAddGrad(out_backprop=rows) / tf.cast(tf.shape(rows)[0], rows.dtype)


def _fused(
    x: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    epsilon: float,
) -> tf.Tensor:
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
    )[0]


def _filled(
    gamma: tf.Tensor | None, beta: tf.Tensor | None, size: int, dtype: tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    return (
        tf.ones(size, dtype) if gamma is None else gamma,
        tf.zeros(size, dtype) if beta is None else beta,
    )


def _rows(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Return x as `(rows, channels)`."""
    last = x if axis == x.shape.rank - 1 else tf.transpose(x, _channels_last(x, axis))
    return tf.reshape(last, [-1, x.shape[axis]])


def _images(rows: tf.Tensor) -> tf.Tensor:
    """Return rows as images of one pixel, which is what the fused kernels take."""
    return tf.reshape(rows, [-1, 1, 1, rows.shape[1]])


def _from_rows(rows: tf.Tensor, x: tf.Tensor, axis: int) -> tf.Tensor:
    if axis == x.shape.rank - 1:
        return tf.reshape(rows, tf.shape(x))
    order = _channels_last(x, axis)
    last = tf.reshape(rows, tf.gather(tf.shape(x), order))
    return tf.transpose(last, tf.math.invert_permutation(order))


def _channels_last(x: tf.Tensor, axis: int) -> list[int]:
    return [*(i for i in range(x.shape.rank) if i != axis), axis]
