"""Batch normalization on TensorFlow by its fused kernels, refined where they round too coarsely."""

from typing import Any

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from keras_trainkit.layers._normalize import FAR, along

Tensors = tuple[tf.Tensor, ...]


def trains(x: tf.Tensor) -> bool:
    """Say whether this is the fastest way: on CPUs, for float32.

    XLA takes the fused operation apart into E[x^2] - E[x]^2, which cancels.
    """
    in_xla = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return infers(x) and not in_xla


def infers(x: tf.Tensor) -> bool:
    """Say whether the fused operation is the fastest way: on CPUs, for float32."""
    return x.dtype == tf.float32 and not tf.config.list_logical_devices("GPU")


def train(x: tf.Tensor, axis: int, gamma: Any, beta: Any, epsilon: float) -> Tensors:
    """Return y, the mean and the biased variance."""
    gamma, beta = _filled(gamma, beta, x.shape[axis])

    @tf.custom_gradient
    def normalized(rows: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        y, mean, variance, tilt = _forward(rows, gamma, beta, epsilon)

        def gradient(upstream: tf.Tensor, *_: Any) -> Tensors:
            dx, dgamma, dbeta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=upstream,
                x=rows,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=mean,
                epsilon=epsilon,
            )
            return dx, dgamma - tilt * dbeta, dbeta

        return (y, mean, variance), gradient

    y, mean, variance = normalized(_rows(x, axis), gamma, beta)
    return _from_rows(y, x, axis), mean, variance


def infer(
    x: tf.Tensor, axis: int, mean: Any, variance: Any, gamma: Any, beta: Any, epsilon: float
) -> tf.Tensor:
    """Return y by the given mean and variance."""
    if axis == x.shape.rank - 1 and x.shape.rank >= 4:
        gamma, beta = _filled(gamma, beta, x.shape[axis])
        return tf.reshape(_fused(_rows(x, axis), mean, variance, gamma, beta, epsilon), tf.shape(x))
    # The fused operation is slower on few channels at a time; x - mean would be a third pass.
    vectors = [v if v is None else along(axis, v, x) for v in (mean, variance, beta, gamma)]
    return tf.nn.batch_normalization(x, *vectors, epsilon)


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
    x: tf.Tensor, mean: Any, variance: Any, gamma: Any, beta: Any, epsilon: float
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


def _filled(gamma: Any, beta: Any, size: int) -> tuple[Any, Any]:
    return (
        tf.ones(size) if gamma is None else gamma,
        tf.zeros(size) if beta is None else beta,
    )


def _rows(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Return x as `(rows, 1, 1, channels)`."""
    last = x if axis == x.shape.rank - 1 else tf.transpose(x, _channels_last(x, axis))
    return tf.reshape(last, [-1, 1, 1, x.shape[axis]])


def _from_rows(rows: tf.Tensor, x: tf.Tensor, axis: int) -> tf.Tensor:
    if axis == x.shape.rank - 1:
        return tf.reshape(rows, tf.shape(x))
    order = _channels_last(x, axis)
    last = tf.reshape(rows, tf.gather(tf.shape(x), order))
    return tf.transpose(last, tf.math.invert_permutation(order))


def _channels_last(x: tf.Tensor, axis: int) -> list[int]:
    return [*(i for i in range(x.shape.rank) if i != axis), axis]
