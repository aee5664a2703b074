"""The layers of a model from input to output, the innermost alone, and what to call them."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_trainkit._keras_internals import children_of, nodes_in_order
from keras_trainkit._variable_paths import repeats
from keras_trainkit.diagnosis.history import layer_of

_OF_US = ("keras", "keras_trainkit")


def innermost(model: keras.Model) -> list[Any]:
    """Return the layers inside a model, and the operations of its graph, each once.

    Left out is what holds other layers, unless it has weights of its own; a recurrent layer is a
    whole, and so is a layer with the layer that serves as its activation.
    """
    found: dict[int, Any] = {}
    for layer in _inside(model):
        found.setdefault(id(layer), layer)
    return list(found.values())


def _inside(layer: Any) -> Iterator[Any]:
    for child in _children(layer):
        if isinstance(child, keras.layers.InputLayer):
            continue
        if _is_whole(child):
            yield child
        else:
            yield from _inside(child)
            if _has_own_weights(child):
                yield child


def _children(layer: Any) -> list[Any]:
    """Return what is directly inside a layer, in the order of the computation where it is known."""
    try:
        inside = [node.operation for node in nodes_in_order(layer)]
    except AttributeError:  # No functional graph.
        inside = []
    activation = getattr(layer, "activation", None)
    children = {id(child): child for child in (*inside, *children_of(layer))}
    return [child for child in children.values() if child is not activation]


def _is_whole(layer: Any) -> bool:
    if not isinstance(layer, keras.Layer) or isinstance(layer, keras.layers.RNN):
        return True
    return not _children(layer)


def _has_own_weights(layer: keras.Layer) -> bool:
    inner = {id(weight) for child in children_of(layer) for weight in child.weights}
    return any(id(weight) not in inner for weight in layer.weights)


def is_known(layer: Any) -> bool:
    """Say whether what a layer computes is Keras's or ours, and not a function of the user's."""
    if isinstance(layer, keras.layers.Lambda):
        return False
    call = getattr(type(layer), "call", None)
    return getattr(call, "__module__", "").partition(".")[0] in _OF_US


def unknown_inside(model: keras.Model) -> list[str]:
    """Return the paths of the model and of the layers inside it whose `call` is the user's own."""
    unknown = {id(part): part for part in _all_parts(model) if not is_known(part)}
    return [getattr(part, "path", None) or part.name for part in unknown.values()]


def _all_parts(layer: Any) -> Iterator[Any]:
    yield layer
    if isinstance(layer, keras.Layer) and not isinstance(layer, keras.layers.RNN):
        for child in _children(layer):
            yield from _all_parts(child)


def path_of_layer(layer: Any) -> str:
    """Return the path of the owner of the layer's first weight, or the layer's own."""
    weights = getattr(layer, "weights", None)
    return layer_of(weights[0].path) if weights else getattr(layer, "path", None) or layer.name


def reached_in(model: keras.Model, name: str = "model") -> dict[int, str]:
    """Return the code that reaches each layer of a model, and of models inside, by `id(layer)`."""
    found: dict[int, str] = {}
    for layer in model.layers:
        code = f'{name}.get_layer("{layer.name}")'
        inside = reached_in(layer, code) if isinstance(layer, keras.Model) else {}
        found |= {id(layer): code, **inside}
    return found


def paths_of(layers: Sequence[Any]) -> dict[int, str]:
    """Return the paths of layers by `id(layer)`; the second of the same path gets `#2`."""
    paths = [path_of_layer(layer) for layer in layers]
    marks = repeats(paths)
    return {id(layer): paths[i] + marks[i] for i, layer in enumerate(layers)}
