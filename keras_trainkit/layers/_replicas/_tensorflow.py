"""The replicas of a TensorFlow distribution strategy."""

from typing import Any

import tensorflow as tf


def replica_sum(x: Any) -> Any:
    """Add `x` over all replicas; outside of a replica, return it."""
    context = tf.distribute.get_replica_context()
    return x if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def replicas() -> int:
    """Return how many share every batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync
