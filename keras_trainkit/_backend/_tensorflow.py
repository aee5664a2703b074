"""TensorFlow's primitives: graphs, and the replicas of a distribution strategy."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a graph; like Keras's trainer, without autograph."""
    # The second size of a batch makes a graph for all sizes.
    return tf.function(function, autograph=False, reduce_retracing=True)


def on_cpu(x: tf.Tensor) -> bool:
    """Say whether there is nothing but CPUs: a graph does not know where it will run."""
    return not tf.config.list_logical_devices("GPU")


def replica_sum(x: tf.Tensor) -> tf.Tensor:
    """Add `x` over all replicas; outside of a replica, return it."""
    context = tf.distribute.get_replica_context()
    return x if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def replicas() -> int:
    """Return how many share every batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync
