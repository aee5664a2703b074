"""Carries out remedies on a model's copy."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit._keras_internals import (
    compiled_with,
    layers_of,
    models_in,
    output_shape_of,
)
from keras_trainkit._patching import patched
from keras_trainkit.diagnosis._diagnose.static.code import CLIPPING, numbers_of
from keras_trainkit.diagnosis._preflight.copies import copied
from keras_trainkit.diagnosis._preflight.layer_tree import paths_of
from keras_trainkit.diagnosis._preflight.traces import symbolic_inputs

Change = Mapping[str, Any]
# Arguments of a layer that leave its weights what they are.
_DRAWN_ANEW = ("units", "filters", "kernel_initializer", "bias_initializer")


def changed(model: keras.Model, change: Change) -> keras.Model:
    """Return a new, compiled model with one change; `model` is left alone.

    Weights of layers that are not changed are copied; so are those of layers that only get another
    activation, rate or the like. The optimizer begins anew. A model that is not compiled gives one
    that is not.

    Args:
        model: `keras.Sequential` or functional model.
        change: dict, as in `Remedy.change`: of `kind` `"layer"`, its `path` and `config`, and
            perhaps the `class` that replaces the layer's; of `kind` `"compile"`, `loss` and
            `metrics` of one output (of several, that of index `output`, which dicts call `key`),
            `loss_weights`, `learning_rate`, `optimizer` (a dict of its arguments) and perhaps the
            `class` that replaces the optimizer's; of `kind` `"several"`, a list of `changes`.

    Raises:
        ValueError: if the model cannot be cloned, has no such layer, or the change is of another
            kind.
    """
    parts = list(_parts(change))
    layers = [part for part in parts if part["kind"] == "layer"]
    copy = _copy(model, layers)
    arguments = compiled_with(model)
    if arguments:
        for part in parts:
            if part["kind"] == "compile":
                arguments = _compiled(arguments, part, model)
        compile_anew(copy, arguments)
    return copy


def twin(model: keras.Model, x: Any) -> keras.Model:
    """Return a copy of a built model with its weights, which is not compiled.

    Args:
        model: a model of any kind.
        x: nested arrays that it takes.

    Raises:
        ValueError: if the config may not say what the model was made with.
    """
    if _can_be_cloned(model):
        return _copy(model, [])
    copy = copied(model)
    copy(symbolic_inputs(x))
    copy.set_weights(model.get_weights())
    return copy


def compile_anew(copy: keras.Model, arguments: Mapping[str, Any]) -> None:
    """Compile with an optimizer and metrics that have seen nothing, made after those given."""
    given = arguments["optimizer"]
    optimizer = type(given).from_config(given.get_config()) if given is not None else None
    metrics = {
        name: keras.tree.map_structure(_copied_metric, arguments[name])
        for name in ("metrics", "weighted_metrics")
        if arguments.get(name) is not None
    }
    copy.compile(**{**arguments, **metrics, "optimizer": optimizer})


def _parts(change: Change) -> Iterator[Change]:
    if change["kind"] == "several":
        for part in change["changes"]:
            yield from _parts(part)
    elif change["kind"] in ("layer", "compile"):
        yield change
    else:
        raise ValueError(
            "a remedy of `fit` is not one of the model: give its numbers to `fit`. "
            f"Received: change={dict(change)!r}"
        )


def _copy(model: keras.Model, changes: list[Change]) -> keras.Model:
    """Return a clone with some layers changed and the weights of all others."""
    if not _can_be_cloned(model):
        raise ValueError(
            "`model` must be a `keras.Sequential` or functional model: what another one does with "
            f"its layers is not known. Received: model={model.name!r} (a {type(model).__name__})"
        )
    by_layer = {id(_layer_at(model, change["path"])): change for change in changes}
    copies: list[tuple[keras.Layer, keras.Layer]] = []

    def renewed(layer: keras.Layer) -> keras.Layer:
        clone = _with_config(layer, by_layer.get(id(layer), {}))
        if isinstance(layer, keras.Layer):  # Operations on tensors have no weights.
            copies.append((layer, clone))
        return clone

    copy = _clone(model, renewed)
    unreached = [by_layer[key]["path"] for key in set(by_layer) - {id(old) for old, _ in copies}]
    if unreached:
        raise ValueError(f"only layers of the model's graph can be changed. Received: {unreached}")
    for layer, clone in copies:
        _copy_weights(layer, clone, by_layer.get(id(layer), {}).get("config", {}))
    return copy


def _clone(model: keras.Model, renewed: Callable[[keras.Layer], keras.Layer]) -> keras.Model:
    """Return a clone that is not compiled: Keras would compile it through a serializer."""
    with contextlib.ExitStack() as stack:
        for each in models_in(model):
            stack.enter_context(patched(each, compiled=False))
        return keras.models.clone_model(model, clone_function=renewed, recursive=True)


def _can_be_cloned(model: keras.Model) -> bool:
    return isinstance(model, keras.Sequential) or type(model) is type(_functional())


def _functional() -> keras.Model:
    inputs = keras.Input((1,))
    return keras.Model(inputs, inputs)


def _layer_at(model: keras.Model, path: str) -> keras.Layer:
    """Return the innermost layer whose variables, or which itself, has a path."""
    layers = [layer for layer in layers_of(model, include_self=False) if not _is_model(layer)]
    paths = paths_of(layers)
    found = [layer for layer in layers if paths[id(layer)] == path]
    found = found or [layer for layer in layers if layer.name == path]
    if len(found) != 1:
        listed = ", ".join(paths.values())
        raise ValueError(f"`path` must be that of a layer: {listed}. Received: path={path!r}")
    return found[0]


def _is_model(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.Model)


def _with_config(layer: keras.Layer, change: Change) -> keras.Layer:
    """Return a new layer with other arguments, of another class if the change names one."""
    kind = getattr(keras.layers, change["class"]) if "class" in change else type(layer)
    if kind is type(layer) is keras.layers.Lambda:
        return _same_lambda(layer)
    if kind is type(layer):
        return kind.from_config({**layer.get_config(), **change.get("config", {})})
    # Keras cannot save a layer without `get_config` that was given a policy.
    return kind(name=layer.name, dtype=layer.dtype_policy.name, **change["config"])


def _same_lambda(layer: keras.layers.Lambda) -> keras.Layer:
    """Return a layer of the same function, of which a config has the bytecode without its names."""
    return keras.layers.Lambda(
        layer.function,
        output_shape=output_shape_of(layer),
        mask=layer.mask,
        arguments=layer.arguments,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _copy_weights(layer: keras.Layer, clone: keras.Layer, config: Mapping[str, Any]) -> None:
    """Give a clone the weights of a layer, where they fit and are not to be drawn anew."""
    mine, theirs = layer.weights, clone.weights
    shapes = [weight.shape for weight in mine], [weight.shape for weight in theirs]
    if shapes[0] == shapes[1] and not set(config) & set(_DRAWN_ANEW):
        for old, new in zip(mine, theirs, strict=True):
            # On JAX, `assign` would make both share an array, which a step of one deletes.
            new.assign(np.array(keras.ops.convert_to_numpy(old)))
    if "trainable" not in config:
        clone.trainable = layer.trainable


def _compiled(arguments: Mapping[str, Any], change: Change, model: keras.Model) -> dict[str, Any]:
    """Return the arguments of `compile` with those that a change names."""
    new = dict(arguments)
    if "loss" in change:
        new["loss"] = _for_output(new.get("loss"), change["loss"], change, model)
    if "metrics" in change:
        new["metrics"] = _for_output(new.get("metrics"), list(change["metrics"]), change, model)
    if "loss_weights" in change:
        new["loss_weights"] = change["loss_weights"]
    if "class" in change:
        new["optimizer"] = getattr(keras.optimizers, change["class"])(**numbers_of(change))
    elif numbers := numbers_of(change):
        new["optimizer"] = with_numbers(new["optimizer"], numbers)
    return new


def _for_output(given: Any, new: Any, change: Change, model: keras.Model) -> Any:
    """Return the losses, or metrics, of all outputs with those of one replaced."""
    outputs = len(model.outputs)
    if outputs == 1:
        return new
    place = change["output"]
    if isinstance(given, Mapping):
        return {**given, change.get("key") or model.output_names[place]: new}
    each = list(given) if isinstance(given, list | tuple) and given else [given] * outputs
    each[place] = new
    return each


def with_numbers(optimizer: keras.Optimizer, numbers: Mapping[str, Any]) -> keras.Optimizer:
    """Return a new optimizer of the same kind with some arguments changed.

    Of the three kinds of clipping one is allowed: a new one takes the place of the old.
    """
    config = optimizer.get_config()
    if any(name in numbers for name in CLIPPING):
        config.update(dict.fromkeys(CLIPPING))
    return type(optimizer).from_config({**config, **numbers})


def _copied_metric(metric: Any) -> Any:
    if not isinstance(metric, keras.Metric):
        return metric
    return type(metric).from_config(metric.get_config())
