"""Dropout on TensorFlow: one XLA program that computes the mask wherever it is needed."""

from functools import cache
from typing import Any

import tensorflow as tf

from keras_trainkit.layers._dropout import kept_share
from keras_trainkit.layers._dropout._hash import drops, random_bits


def drop(inputs: tf.Tensor, rate: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """Zero the inputs where their random bits fall below `rate`, and scale the others."""
    # XLA compiles a program for every shape that it meets: batches of two sizes are two, but
    # sequences of any length would never end.
    if xla_runs() and inputs.shape[1:].is_fully_defined():
        return _by_hash(inputs, rate, state)
    return _by_stored_mask(inputs, rate, state)


@tf.custom_gradient
def _by_hash(inputs: tf.Tensor, rate: tf.Tensor, state: tf.Tensor) -> Any:
    flat = tf.reshape(inputs, [-1])
    outputs = tf.reshape(_program(inputs.dtype, rate.dtype)(flat, rate, state), tf.shape(inputs))
    return outputs, lambda upstream: (_by_hash(upstream, rate, state), None, None)


@cache
def _program(dtype: tf.DType, rate_dtype: tf.DType) -> Any:
    def dropped(x: tf.Tensor, rate: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        position = tf.cast(tf.range(tf.size(x)), tf.uint32)
        return _masked(x, drops(random_bits(position, state), rate), rate)

    signature = [
        tf.TensorSpec([None], dtype),
        tf.TensorSpec([], rate_dtype),
        tf.TensorSpec([2], tf.int64),
    ]
    return tf.function(dropped, signature, autograph=False, jit_compile=True)


@cache
def xla_runs() -> bool:
    """Say whether this TensorFlow can compile for the device."""
    with tf.init_scope():
        try:
            tf.function(lambda: tf.constant(0), autograph=False, jit_compile=True)()
        except (tf.errors.OpError, ValueError):
            return False
    return True


@tf.custom_gradient
def _by_stored_mask(inputs: tf.Tensor, rate: tf.Tensor, state: tf.Tensor) -> Any:
    words = (tf.size(inputs) + 1) // 2
    bits = tf.random.stateless_uniform([words], state, None, None, tf.int32)
    bits = tf.reshape(tf.bitcast(bits, tf.int16), [-1])[: tf.size(inputs)]
    threshold = tf.cast(rate * 2.0**16 - 2.0**15, tf.int16)
    # 16 bits have no number above them all, which a rate of 1 would need.
    dropped = (tf.reshape(bits, tf.shape(inputs)) < threshold) | (rate >= 1)
    return _masked(inputs, dropped, rate), lambda upstream: (
        _masked(upstream, dropped, rate),
        None,
        None,
    )


def _masked(x: tf.Tensor, dropped: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    kept = tf.cast(tf.cast(x, rate.dtype) / kept_share(rate), x.dtype)
    return tf.where(dropped, tf.zeros((), x.dtype), kept)
