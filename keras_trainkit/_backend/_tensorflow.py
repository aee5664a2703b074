"""TensorFlow's primitives: graphs, and the replicas of a distribution strategy."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context as eager

from keras_trainkit._patching import patched


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a graph; like Keras's trainer, without autograph."""
    # The second size of a batch makes a graph for all sizes.
    return tf.function(function, autograph=False, reduce_retracing=True)


def on_cpu(x: tf.Tensor) -> bool:
    """Say whether there is nothing but CPUs: a graph does not know where it will run."""
    return not tf.config.list_logical_devices("GPU")


@contextmanager
def generators_kept() -> Iterator[None]:
    """Give eager operations that draw their seeds from another generator than the training's.

    Setting that one back would not do: TensorFlow keeps each operation with its seed, and the
    operation goes on from what it has drawn.
    """
    with patched(eager.context(), _rng=random.Random(__name__)):
        yield


def replica_sum(x: tf.Tensor) -> tf.Tensor:
    """Add `x` over all replicas; outside of a replica, return it."""
    context = tf.distribute.get_replica_context()
    return x if context is None else context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def replicas() -> int:
    """Return how many share every batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def operations_in(graph: tf.Graph) -> Iterator[Any]:
    """Yield the definitions of a graph's operations, also of those in functions that it calls."""
    definition = graph.as_graph_def()
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def
