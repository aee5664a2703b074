"""Which layer each output of a model comes from, and what its values passed last."""

from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_trainkit._keras_internals import origin_of
from keras_trainkit.diagnosis._preflight.activations import activation_of, of_operation
from keras_trainkit.diagnosis._preflight.layer_facts import Shape, shape_of, units_of
from keras_trainkit.diagnosis._preflight.layer_tree import is_known
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis._preflight.traces import Trace

_LAYERS = keras.layers
# What hands its values on, in another shape or fewer of them, within the limits that they had.
_HAND_ON = (
    *(_LAYERS.Reshape, _LAYERS.Flatten, _LAYERS.Permute, _LAYERS.RepeatVector, _LAYERS.Identity),
    *(_LAYERS.Dropout, _LAYERS.SpatialDropout1D, _LAYERS.SpatialDropout2D, _LAYERS.Masking),
    *(_LAYERS.Cropping1D, _LAYERS.Cropping2D, _LAYERS.Cropping3D),
    *(_LAYERS.GlobalAveragePooling1D, _LAYERS.GlobalAveragePooling2D, _LAYERS.AveragePooling2D),
    *(_LAYERS.GlobalMaxPooling1D, _LAYERS.GlobalMaxPooling2D, _LAYERS.UpSampling2D),
)
_OPERATIONS_HAND_ON = ("Reshape", "Squeeze", "ExpandDims", "Transpose", "Cast", "GetItem")
# What brings its values to any scale.
_AFFINE = (_LAYERS.BatchNormalization, _LAYERS.LayerNormalization, _LAYERS.Embedding)


@dataclass(frozen=True)
class Head:
    """One output of a model; what is not known is `None` or `""`.

    Args:
        layer: the layer whose activation its values passed last.
        activation: string. The name of that activation.
        shape: its shape without the batch axis.
        name, key: by which `compile` and the targets may call it.
    """

    layer: Any = None
    activation: str = ""
    shape: Shape = (None,)
    name: str = ""
    key: Any = None


def heads_of(model: keras.Model, traced: Trace | None = None) -> list[Head]:
    """Return the outputs in Keras's order, none if nothing is known of them.

    Args:
        model: a model.
        traced: what a trace of a model without a graph found. Defaults to `None`: nothing.
    """
    outputs = _symbolic_outputs(model)
    if outputs is not None:
        return [_symbolic(tensor, key) for _, key, tensor in leaves_of("", outputs)]
    if traced is not None:
        return [_traced(key, out, traced) for _, key, out in leaves_of("", traced.outputs)]
    last = _last_layer(model)
    return (
        []
        if last is None
        else [replace(_made_by(last), shape=shape_of(last) or (units_of(last, ()),))]
    )


def _symbolic_outputs(model: keras.Model) -> Any:
    """Return the outputs of a model's own graph, nested as it returns them."""
    try:
        outputs = model.outputs
    except AttributeError:  # It has no graph, or none yet.
        return None
    return outputs if isinstance(model, keras.Sequential) else model.output


def has_graph(model: keras.Model) -> bool:
    """Say whether a model knows its own graph."""
    return _symbolic_outputs(model) is not None


def _last_layer(model: keras.Model) -> Any:
    """Return the last layer of a stack that is not built, None for what is no stack."""
    layers = model.layers if isinstance(model, keras.Sequential) else []
    while layers and isinstance(layers[-1], keras.Sequential):
        layers = layers[-1].layers
    return layers[-1] if layers else None


def _symbolic(tensor: Any, key: Any) -> Head:
    """Follow an output back to the layer whose activation its values passed last."""
    known = Head(shape=tuple(tensor.shape[1:]), name=_name_of(tensor), key=key)
    origin = origin_of(tensor)
    while origin is not None:
        operation, inputs = origin
        inner = _inner_output(operation)
        if inner is None and not (hands_on(operation) and inputs):
            made = _made_by(operation)
            return replace(known, layer=made.layer, activation=made.activation)
        origin = origin_of(inputs[0] if inner is None else inner)
    return known


def _name_of(tensor: Any) -> str:
    origin = origin_of(tensor)
    return getattr(origin[0], "name", "") if origin else ""


def _inner_output(operation: Any) -> Any:
    """Return the one output of a model inside of the model, by a graph of its own."""
    if not isinstance(operation, keras.Model) or not is_known(operation):
        return None
    inner = [leaf.value for leaf in leaves_of("", _symbolic_outputs(operation))]
    return inner[0] if len(inner) == 1 else None


def hands_on(operation: Any) -> bool:
    """Say whether an operation leaves the values within the limits that they had."""
    if isinstance(operation, keras.layers.Activation):
        return activation_of(operation) == "linear"
    return isinstance(operation, _HAND_ON) or type(operation).__name__ in _OPERATIONS_HAND_ON


def _made_by(layer: Any) -> Head:
    """Return the head that a layer makes, by the activation of the layer that it may wrap."""
    if isinstance(layer, keras.layers.Bidirectional):
        return _made_by(layer.forward_layer)
    if isinstance(layer, keras.layers.Wrapper):
        return _made_by(layer.layer)
    if not isinstance(layer, keras.Layer):
        return Head(layer, of_operation(layer))
    if not is_known(layer):
        return Head(layer)
    return Head(layer, "linear" if isinstance(layer, _AFFINE) else activation_of(layer))


def _traced(key: Any, output: Any, traced: Trace) -> Head:
    """Return the head of a model without a graph: the layer that made the output, if one did."""
    known = Head(shape=tuple(output.shape[1:]), key=key)
    call = traced.call_that_made(output)
    while call is not None and hands_on(call.layer) and call.given is not None:
        call = traced.call_that_made(call.given)
    if call is None:
        return known
    made = _made_by(call.layer)
    return replace(known, layer=made.layer, activation=made.activation)
