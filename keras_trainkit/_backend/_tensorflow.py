"""TensorFlow's primitives: graphs, and the replicas of a distribution strategy."""

import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context as eager
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from keras_trainkit._patching import patched

# Where a graph holds the gradients of its operations.
GRADIENTS = "_keras_trainkit_gradients"


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


@contextmanager
def programs_forgotten() -> Iterator[None]:
    """Let graphs that are traced inside go with those who hold them.

    `tf.custom_gradient` registers its function anew in every graph, by a name of its own and for
    good, and the function holds the graph. Keras's optimizers add gradients over replicas by one.
    """
    with patched(ops, RegisterGradient=_of_graph):
        yield


def _of_graph(operation: str) -> Callable[..., Any]:
    """Return the decorator that registers a gradient, as long as its graph lives if it has one."""
    register = tf.RegisterGradient(operation)
    return _held_by_graph(register) if operation.startswith("CustomGradient-") else register


def _held_by_graph(register: Callable[..., Any]) -> Callable[..., Any]:
    """Return a decorator that registers a reference; the graphs hold what it refers to."""

    def decorator(gradient: Callable[..., Any]) -> Callable[..., Any]:
        for graph in _around(ops.get_default_graph()):
            setattr(graph, GRADIENTS, [*getattr(graph, GRADIENTS, []), gradient])
        reference = weakref.proxy(gradient)
        # TensorFlow wants a function where a model is saved.
        register(lambda *arguments: reference(*arguments))
        return gradient

    return decorator


def _around(graph: tf.Graph) -> Iterator[tf.Graph]:
    """Yield a graph and those that call it: TensorFlow makes the inner ones again from these."""
    yield graph
    while isinstance(graph := getattr(graph, "outer_graph", None), FuncGraph):
        yield graph


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
