"""Facts of the layers of a model, of whichever kind it is."""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from keras_trainkit.diagnosis._preflight.activations import activation_of, of_operation
from keras_trainkit.diagnosis._preflight.as_code import arguments_of, name_of
from keras_trainkit.diagnosis.facts import LayerFacts

Shape = tuple[int | None, ...]
Value = TypeVar("Value")
# The attribute in which layers of Keras hold the length of their output's last axis.
_LENGTHS = ("units", "filters", "output_dim")
# What a kernel, its initializer and its regularizer are called.
_KERNELS = (
    ("kernel", "kernel_initializer", "kernel_regularizer"),
    ("pointwise_kernel", "pointwise_initializer", "pointwise_regularizer"),
    ("kernel", "depthwise_initializer", "depthwise_regularizer"),
)
_DRAWN = (("embeddings", "embeddings_initializer"), *(names[:2] for names in _KERNELS))
# Larger weights are not drawn again.
_MOST_DRAWN = 5_000_000


def layer_facts(
    layers: Sequence[Any],
    paths: Mapping[int, str],
    shapes: Mapping[int, Shape],
    reached: Mapping[int, str],
) -> tuple[LayerFacts, ...]:
    """Return the facts of layers and operations.

    Args:
        layers: the layers, built or not.
        paths: what to call them, by `id(layer)`.
        shapes: output shapes without the batch axis, by `id(layer)`, where the layers themselves
            do not know them.
        reached: the code that reaches them, by `id(layer)`, where it is known.
    """
    return tuple(
        _of_layer(
            layer,
            path=paths[id(layer)],
            shape=shapes.get(id(layer)) or shape_of(layer),
            reached=reached.get(id(layer), ""),
        )
        for layer in layers
    )


def if_known(find: Callable[[], Value], unknown: Value) -> Value:
    """Return what `find` finds, `unknown` where a layer of the user's has something else there."""
    with contextlib.suppress(Exception):
        return find()
    return unknown


def shape_of(layer: Any) -> Shape:
    """Return the shape of a layer's first output at its first call, `()` if it is not known."""
    outputs: list[Any] = if_known(lambda: keras.tree.flatten(layer.output), [])
    return tuple(outputs[0].shape[1:]) if outputs else ()


def units_of(layer: Any, shape: Shape) -> int | None:
    """Return the length of the output's last axis."""
    if shape:
        return shape[-1]
    lengths = (getattr(layer, name, None) for name in _LENGTHS)
    return next((int(length) for length in lengths if isinstance(length, int)), None)


def _of_layer(layer: Any, path: str, shape: Shape, reached: str) -> LayerFacts:
    is_layer = isinstance(layer, keras.Layer)
    return LayerFacts(
        path=path,
        kind=type(layer).__name__,
        units=if_known(lambda: units_of(layer, shape), None),
        activation=if_known(lambda: (activation_of if is_layer else of_operation)(layer), ""),
        shape=shape,
        parameters=if_known(lambda: layer.count_params() if layer.built else 0, 0),
        trainable=bool(getattr(layer, "trainable", True)),
        **_of_kernel(_holder_of_kernel(layer)),
        learned=if_known(lambda: _has_learned(layer), False),
        as_drawn=if_known(lambda: _is_as_drawn(_holder_of_kernel(layer)), False),
        rate=_number(layer, "rate" if "Dropout" in type(layer).__name__ else ""),
        momentum=_number(layer, "momentum" if "Normalization" in type(layer).__name__ else ""),
        arguments=if_known(lambda: arguments_of(layer), {}),
        reached=reached,
        place=if_known(lambda: name_of(type(layer)), ""),
    )


def _number(layer: Any, attribute: str) -> float:
    return if_known(lambda: float(getattr(layer, attribute)), math.nan)


def _holder_of_kernel(layer: Any) -> Any:
    """Return a recurrent layer's (first) cell, which has its kernel, or else the layer."""
    cell = getattr(layer, "cell", None)
    cells = getattr(cell, "cells", [cell])
    return cells[0] if cells and cells[0] is not None else layer


def _of_kernel(layer: Any) -> dict[str, Any]:
    """Return the facts of a layer's kernel, those that there are before it is built too.

    The rows of an embedding are no kernel: each of them has a gradient of its own.
    """
    found = [names for names in _KERNELS if hasattr(layer, names[1])]
    names = found[0] if found else _KERNELS[0]
    kernel = if_known(lambda: getattr(layer, names[0]), None)
    if kernel is None and not found:
        return {}
    initializer, regularizer = (getattr(layer, name, None) for name in names[1:])
    return {
        "initializer": type(initializer).__name__ if initializer is not None else "",
        "fan_in": if_known(lambda: _fan_in(layer, kernel.shape), 0),
        "constant_kernel": if_known(lambda: _is_constant(kernel), False),
        "l1": if_known(lambda: float(getattr(regularizer, "l1", 0.0)), 0.0),
        "l2": if_known(lambda: float(getattr(regularizer, "l2", 0.0)), 0.0),
    }


def _has_learned(layer: Any) -> bool:
    """Say whether offsets that begin as zeros are others: the weights were trained before."""
    zeros = getattr(layer, "bias_initializer", None) or getattr(layer, "beta_initializer", None)
    offsets = [getattr(layer, name, None) for name in ("bias", "beta")]
    known = [offset for offset in offsets if offset is not None]
    is_zero = isinstance(zeros, keras.initializers.Zeros)
    return is_zero and any(bool(keras.ops.convert_to_numpy(offset).any()) for offset in known)


def _is_as_drawn(layer: Any) -> bool:
    """Say whether weights that do not learn are what their initializer draws, whenever it is asked.

    Weights that were loaded or trained are others, and so are those of a copy.
    """
    names = next(names for names in _DRAWN if hasattr(layer, names[1]))
    weights, initializer = (getattr(layer, name) for name in names)
    # A generator moves on when it is asked, and so does the stream of seeds of this package.
    is_again_the_same = type(getattr(initializer, "seed", None)) is int
    if weights.trainable or not is_again_the_same or math.prod(weights.shape) > _MOST_DRAWN:
        return False
    again = initializer(weights.shape, weights.dtype)
    drawn, held = map(keras.ops.convert_to_numpy, (again, weights))
    return bool(np.ptp(held) > 0 and (drawn == held).all())


def _fan_in(layer: Any, shape: tuple[int, ...]) -> int:
    if isinstance(layer, keras.layers.EinsumDense):
        operands, result = layer.equation.replace(" ", "").split("->")
        labels = operands.split(",")[1]
        return math.prod(n for n, label in zip(shape, labels, strict=True) if label not in result)
    kind = type(layer).__name__
    if "Transpose" in kind:
        return math.prod(shape[:-2]) * shape[-1]
    return math.prod(shape[:-2] if kind.startswith("Depthwise") else shape[:-1])


def _is_constant(kernel: Any) -> bool:
    """Say whether all elements are the same; of most kernels a few tell that they are not."""
    return (
        all(
            bool((values == values.flat[0]).all())
            for values in map(keras.ops.convert_to_numpy, (kernel[:1], kernel))
        )
        and math.prod(kernel.shape) > 1
    )
