"""Which normalizations fold into which layer: read from the graph of a model."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from keras_trainkit._keras_internals import nodes_in_order
from keras_trainkit.layers._fold_batch_normalization.kernels import (
    NORMALIZATIONS,
    channel_axis,
    is_linear,
)
from keras_trainkit.layers.dropout import Dropout

IDENTITIES_AT_INFERENCE = (
    Dropout,
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)


@dataclass(eq=False)
class FoldPlan:
    """What to fold in a model and in the models inside it.

    Attributes:
        graphs: every Sequential and functional model, with the graph of its layers.
        folds: linear layers, with the normalizations to fold into them, in order.
    """

    graphs: dict[Any, Any] = field(default_factory=dict)
    folds: dict[Any, list[Any]] = field(default_factory=dict)


def has_graph(model: Any) -> bool:
    """Whether the layers of `model`, and no code of its own, say all that it computes."""
    if not isinstance(model, keras.Model) or not type(model).call.__module__.startswith("keras."):
        return False
    sequential = isinstance(model, keras.Sequential) and hasattr(model, "inputs")
    return sequential or isinstance(model, keras.Function)


def plan_folds(model: keras.Model) -> FoldPlan:
    """Return the folds that leave the outputs of `model` at inference as they are."""
    plan = FoldPlan()
    in_training: set[Any] = set()
    _collect_graphs(model, False, plan.graphs, in_training)
    uses = Counter(
        node.operation for graph in plan.graphs.values() for node in nodes_in_order(graph)
    )
    for inner, graph in plan.graphs.items():
        if inner not in in_training:
            _plan_graph(graph, uses, plan.folds)
    return plan


def _collect_graphs(model: Any, training: bool, graphs: dict, in_training: set) -> None:
    """Collect the graphs inside `model`, and which models are called with `training=True`."""
    if model in graphs and (model in in_training or not training):
        return
    if model not in graphs:
        graphs[model] = _graph(model)
    if training:
        in_training.add(model)
    for node in nodes_in_order(graphs[model]):
        if has_graph(node.operation):
            inner_training = training or not _at_inference(node)
            _collect_graphs(node.operation, inner_training, graphs, in_training)


def _graph(model: Any) -> keras.Model:
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return keras.Model(model.input, model.output, name=model.name)


def _plan_graph(graph: keras.Model, uses: Counter, folds: dict) -> None:
    nodes = list(nodes_in_order(graph))
    consumers = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    consumers.update(id(tensor) for tensor in graph.outputs)
    producers = {id(tensor): node for node in nodes for tensor in node.outputs}
    folded: set[Any] = set()

    def linear_before(node: Any) -> Any:
        """Return the call of a linear layer whose only use is the normalization `node`."""
        while _at_inference(node) and consumers[id(node.arguments.args[0])] == 1:
            node = producers[id(node.arguments.args[0])]
            if is_linear(node.operation):
                return node
            if node.operation not in folded and not _is_identity(node.operation):
                return None
        return None

    for node in nodes:
        if type(node.operation) in NORMALIZATIONS and uses[node.operation] == 1:
            linear = linear_before(node)
            if linear is not None and uses[linear.operation] == 1 and _match(linear, node):
                folds.setdefault(linear.operation, []).append(node.operation)
                folded.add(node.operation)


def _at_inference(node: Any) -> bool:
    """Whether the call takes one tensor, and leaves it to the model whether it trains."""
    training = node.arguments.kwargs.get("training")
    return len(node.arguments.args) == 1 and (training is None or training is False)


def _is_identity(operation: Any) -> bool:
    is_activation = type(operation) is layers.Activation
    return type(operation) in IDENTITIES_AT_INFERENCE or (
        is_activation and operation.activation is keras.activations.linear
    )


def _match(linear: Any, normalization: Any) -> bool:
    """Whether both work on the same axis, in the same type."""
    rank = len(normalization.outputs[0].shape)
    layer, norm = linear.operation, normalization.operation
    same_axis = norm.axis % rank == channel_axis(layer, rank)
    return same_axis and norm.compute_dtype == layer.compute_dtype
