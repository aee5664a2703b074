"""The first batches of a `tf.data.Dataset`, taken from a copy of it, so that nothing advances.

A dataset that shuffles draws its next order from a generator of its own, and one that caches keeps
what it gave: an iteration more would change the training. The copy has neither.
"""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# So many elements are shuffled at most: each of them may have to be read and decoded.
BUFFER, _BUFFER = 512, "keras_trainkit_buffer"
# What calls Python, draws from a generator of the user's, or writes; so begin their names.
_TOUCHES = (
    *("PyFunc", "EagerPyFunc", "GeneratorDataset", "Rng", "Assign", "Iterator", "Save", "Write"),
    *("Snapshot", "DataService", "Queue", "Shuffle", "Cache", "RandomDataset", "Stateful"),
)
_HARMLESS = ("ShuffleDataset", "StatefulPartitionedCall")
_IGNORE = 1  # What a copy of the graph does about state: it says nothing.


def first_batches(dataset: Any, rows: int, most: int) -> list[Any]:
    """Return the first elements of a dataset, in an order that it could have.

    Args:
        dataset: `tf.data.Dataset` of batches.
        rows: integer. How many rows are enough.
        most: integer. The largest number of elements.

    Raises:
        ValueError: if there is something in it that a look would change.
    """
    variant = tf.data.experimental.to_variant(dataset)
    graph = tf.compat.v1.GraphDef()
    serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=_IGNORE)
    graph.ParseFromString(serialized.numpy())
    _detach(graph)
    touching = sorted({op for op in _operations(graph) if _touches(op)})
    if touching:
        raise ValueError(f"it has {', '.join(touching)}")
    copy = tf.raw_ops.DatasetFromGraph(graph_def=graph.SerializeToString())
    copied = tf.data.experimental.from_variant(copy, dataset.element_spec)
    batches: list[Any] = []
    for batch in copied.take(most):
        batches.append(batch)
        if len(batches) * int(tf.nest.flatten(batch)[0].shape[0]) >= rows:
            break
    return batches


def _detach(graph: Any) -> None:
    """Take out caches, and have shuffles draw from fixed seeds."""
    passed = {node.name: node.input[0] for node in graph.node if node.op.startswith("CacheDataset")}
    for node in graph.node:
        for i, name in enumerate(node.input):
            while name in passed:
                name = passed[name]
            node.input[i] = name
    for index in reversed([i for i, node in enumerate(graph.node) if node.name in passed]):
        del graph.node[index]
    shuffles = [node for node in graph.node if node.op == "ShuffleDatasetV3"]
    for node in shuffles:
        _fix(node)
    if shuffles:
        graph.node.append(_constant(_BUFFER, BUFFER))


def _fix(shuffle: Any) -> None:
    """Make a shuffle one that has no generator."""
    shuffle.op = "ShuffleDataset"
    source, _, *seeds = shuffle.input[:4]
    del shuffle.input[:]
    shuffle.input.extend([source, _BUFFER, *seeds])
    shuffle.attr["reshuffle_each_iteration"].b = False


def _constant(name: str, value: int) -> Any:
    graph = tf.Graph()
    with graph.as_default():
        tf.constant(value, "int64", name=name)
    return graph.as_graph_def().node[0]


def _operations(graph: Any) -> Iterator[str]:
    yield from (node.op for node in graph.node)
    for function in graph.library.function:
        yield from (node.op for node in function.node_def)


def _touches(operation: str) -> bool:
    return operation not in _HARMLESS and operation.startswith(_TOUCHES)
