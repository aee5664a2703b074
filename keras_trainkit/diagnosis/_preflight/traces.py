"""The way of a batch through a model without a graph of its own, seen without a number computed."""

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras

from keras_trainkit._keras_internals import layers_of
from keras_trainkit._patching import patched
from keras_trainkit._untouched import untouched
from keras_trainkit.diagnosis._preflight.array_facts import dtype_of

# The rows of the batch that is thought of.
_ROWS = 2


@dataclass(frozen=True)
class Call:
    """One call of a layer: the first tensor that it was given, and what it returned."""

    layer: keras.Layer
    given: Any
    outputs: list[Any]


@dataclass(frozen=True)
class Trace:
    """The calls of the layers of a model in their order, and what the model put out."""

    calls: list[Call]
    outputs: Any

    @property
    def shapes(self) -> dict[int, tuple[int | None, ...]]:
        """The shape of each layer's first output at its last call, without the batch axis."""
        return {id(call.layer): tuple(call.outputs[0].shape[1:]) for call in self.calls}

    def call_that_made(self, tensor: Any) -> Call | None:
        """Return the call that returned a tensor first, the innermost of nested ones."""
        made = (call for call in self.calls if any(tensor is output for output in call.outputs))
        return next(made, None)


def trace_of(model: keras.Model, inputs: Any) -> Trace:
    """Return what a built model does with inputs of these shapes, seen on symbolic tensors.

    Nothing remains of it in the model, its losses or the random state.

    Args:
        model: a built model.
        inputs: nested `keras.KerasTensor`s.

    Raises:
        Exception: any, if the model cannot be called so, or would build a layer.
    """
    calls: list[Call] = []
    outputs: list[Any] = []
    layers = layers_of(model, include_self=False)
    with untouched(model), ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))  # The training says them.
        for layer in layers:
            stack.enter_context(patched(layer, call=_noting(layer, calls)))
            if not layer.built:
                stack.enter_context(patched(layer, build=_refuse))
        stack.enter_context(patched(model, call=_keeping(model.call, outputs, calls)))
        model.compute_output_spec(inputs)
    return Trace(calls, outputs[-1])


def symbolic_inputs(x: Any) -> Any:
    """Return a symbolic batch like nested arrays, of the types in which `fit` hands them on."""
    return keras.tree.map_structure(_symbolic, x)


def _symbolic(array: Any) -> keras.KerasTensor | None:
    if array is None:
        return None
    dtype = dtype_of(array)
    is_float = dtype.startswith(("float", "bfloat"))
    dtype = keras.config.floatx() if is_float else dtype
    return keras.KerasTensor((_ROWS, *array.shape[1:]), dtype=dtype)


def _refuse(*_: Any, **__: Any) -> None:
    raise ValueError("the model has a layer that it has yet to build")


def _keeping(forward: Callable, outputs: list[Any], calls: list[Call]) -> Callable:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.clear()  # Some backends trace more than once.
        outputs.append(forward(*args, **kwargs))
        return outputs[-1]

    return call


def _noting(layer: keras.Layer, calls: list[Call]) -> Callable:
    forward = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        given = keras.tree.flatten((args, kwargs))
        leaves = [leaf for leaf in keras.tree.flatten(outputs) if hasattr(leaf, "shape")]
        if leaves:
            calls.append(Call(layer, given[0] if given else None, leaves))
        return outputs

    return call
