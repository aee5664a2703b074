"""Batch normalization folded into the layer before it, for inference."""

from typing import Any

import keras
from keras import ops

from keras_trainkit._validation import invalid, positive
from keras_trainkit.layers._fold_batch_normalization.check import (
    assert_equal,
    default_rtol,
    outputs_at_inference,
    probed,
)
from keras_trainkit.layers._fold_batch_normalization.kernels import write_folded
from keras_trainkit.layers._fold_batch_normalization.plan import FoldPlan, has_graph, plan_folds


def fold_batch_normalization(
    model: keras.Model, x: Any = None, rtol: float | None = None
) -> keras.Model:
    """Return a copy of a model whose normalizations are part of the layers before them.

        kernel' = kernel * gamma / sqrt(moving_variance + epsilon)       over the output channels
        bias' = (bias - moving_mean) * gamma / sqrt(moving_variance + epsilon) + beta

    At inference the copy computes the same with fewer operations; it is not meant to be trained.
    Folded are our and Keras's `BatchNormalization` behind `Dense`, `Conv*D`, `Conv*DTranspose`,
    `DepthwiseConv*D` and `SeparableConv*D`, also across dropout, noise and other layers that do
    nothing at inference, and inside models that are layers of the model. The folded layer keeps its
    name and arguments, with `use_bias=True`. Normalizations stay where this would not be exact: the
    layer before has an activation, LoRA or quantized weights, one of both is called twice, the
    layer's outputs are also used elsewhere, the axes or types differ, or a call says
    `training=True`. The copy shares no layer with the model, which stays as it is, and is not
    compiled; regularizers and constraints stay, and see the folded weights.

    The copy is compared with the model, at inference, before it is returned.

    Args:
        model: built Sequential or functional `keras.Model`.
        x: array, or nested arrays, that `model(x)` takes: the inputs of the comparison. Defaults to
            `None`, which draws normal numbers, and zeros and ones for integers; the same each time.
        rtol: float > 0. Largest accepted difference of an output, relative to the output's largest
            magnitude. Defaults to `None`: `1e-5`; `1e-2` where a layer computes in float16 or the
            device in TensorFloat-32; `5e-2` where a layer computes in bfloat16.

    Returns:
        A Sequential model for a Sequential one, otherwise a functional one.

    Raises:
        ValueError: if `model` is not built, or overrides `call`; if it takes no random inputs and
            `x` is not given; if the outputs differ by more than `rtol`.

    Example:
        >>> import keras
        >>> from keras_trainkit.layers import BatchNormalization, fold_batch_normalization
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])
        >>> model.add(BatchNormalization(beta_initializer="ones"))
        >>> folded = fold_batch_normalization(model)
        >>> [layer.name for layer in folded.layers]
        ['dense']
        >>> keras.ops.convert_to_numpy(folded.layers[0].bias).tolist()
        [1.0, 1.0, 1.0]

    Reference: Jacob et al. (2018), Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, arXiv:1712.05877, section 3.2.
    """
    if not isinstance(model, keras.Model) or not has_graph(model):
        raise invalid("model", "a Sequential or functional model that is built", model)
    plan = plan_folds(model)
    graph = plan.graphs[model]
    rtol = default_rtol(_compute_dtypes(plan)) if rtol is None else positive("rtol", rtol)
    if x is None:
        x, expected = probed(model, graph.input)
    else:
        expected = outputs_at_inference(model, x)
    folded = _Copies(plan).finished(model)
    assert_equal(graph.output_names, expected, outputs_at_inference(folded, x), rtol)
    return folded


def _compute_dtypes(plan: FoldPlan) -> set[str]:
    return {layer.compute_dtype for graph in plan.graphs.values() for layer in graph.layers}


class _Copies:
    """The copies of a model's layers, each made once."""

    def __init__(self, plan: FoldPlan) -> None:
        self._plan = plan
        self._copies: dict[Any, Any] = {}
        self._dropped = {norm for norms in plan.folds.values() for norm in norms}

    def finished(self, model: Any) -> Any:
        """Return the copy of `model` with its weights."""
        copy = self.of(model)
        # A model sets the flags of its layers, so that theirs come after its own.
        for source in (*self._plan.graphs, *self._layers()):
            self._copies[source].trainable = source.trainable
        for source in self._layers():
            if source in self._plan.folds:
                write_folded(source, self._copies[source], self._plan.folds[source])
            else:
                _copy_state(source, self._copies[source])
        return copy

    def of(self, operation: Any) -> Any:
        """Return the copy of an operation, `None` for a normalization that is folded away."""
        if operation not in self._copies:
            self._copies[operation] = self._made(operation)
        return self._copies[operation]

    def _layers(self) -> list[Any]:
        """Return the layers that were copied, without the models that hold them."""
        return [
            source
            for source, copy in self._copies.items()
            if isinstance(copy, keras.Layer) and source not in self._plan.graphs
        ]

    def _made(self, operation: Any) -> Any:
        if operation in self._dropped:
            return None
        if operation not in self._plan.graphs:
            return _copied(operation, folded=operation in self._plan.folds)
        graph = self._plan.graphs[operation]
        if isinstance(operation, keras.Sequential):
            copies = (self.of(layer) for layer in operation.layers)
            kept = [copy for copy in copies if copy is not None]
            return keras.Sequential([_input_copies(graph), *kept], name=operation.name)
        return keras.models.clone_model(
            graph,
            input_tensors=_input_copies(graph),
            clone_function=self.of,
            call_function=_called,
        )


def _called(copy: Any, *args: Any, **kwargs: Any) -> Any:
    # A folded normalization leaves its input as it is.
    return args[0] if copy is None else copy(*args, **kwargs)


def _input_copies(graph: keras.Model) -> Any:
    inputs = [op for op in graph.operations if isinstance(op, keras.layers.InputLayer)]
    copies = {id(op.output): _copied(op).output for op in inputs}
    return keras.tree.map_structure(lambda tensor: copies[id(tensor)], graph.input)


def _copied(operation: Any, folded: bool = False) -> Any:
    """Return an unbuilt operation of the same arguments, with a bias if `folded`."""
    if type(operation) is keras.layers.Lambda:
        return _copied_lambda(operation)
    config = operation.get_config()
    return type(operation).from_config({**config, "use_bias": True} if folded else config)


def _copied_lambda(layer: Any) -> keras.layers.Lambda:
    # Its config holds bytecode, which loses its globals and which Keras refuses to load.
    config = keras.Layer.get_config(layer)
    shape, mask = layer._output_shape, layer.mask
    return keras.layers.Lambda(layer.function, shape, mask, layer.arguments, **config)


def _copy_state(source: Any, target: Any) -> None:
    for old, new in zip(_state(source), _state(target), strict=True):
        new.assign(ops.copy(old))  # JAX assigns the array itself, which `predict` then gives away
        new.trainable = old.trainable
    if isinstance(target, keras.layers.Normalization):
        target.finalize_state()  # it computes from constants that it makes of its variables


def _state(layer: Any) -> list[keras.Variable]:
    """Return the variables of a layer, with those that Keras does not list."""
    recurrent = layer.states or () if isinstance(layer, keras.layers.RNN) else ()
    return [*layer.variables, *recurrent]
