"""Facts of what a model is compiled with: each output with its loss, metrics and targets."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from keras_trainkit._keras_internals import compiled_with
from keras_trainkit.diagnosis._preflight.as_code import code_of
from keras_trainkit.diagnosis._preflight.heads import Head
from keras_trainkit.diagnosis._preflight.layer_facts import if_known
from keras_trainkit.diagnosis._preflight.layer_tree import path_of_layer
from keras_trainkit.diagnosis._preflight.losses import chosen_crossentropy, named
from keras_trainkit.diagnosis.facts import ArrayFacts, OutputFacts

# Facts of arrays with the key that leads to each of them.
Keyed = Sequence[tuple[Any, ArrayFacts]]
# A model that has its own may use what it was compiled with in other ways than Keras does.
_STEPS = ("train_step", "compute_loss", "make_train_function")
# Keras has replaced "auto" for `jit_compile` by what it has chosen.
_TOLD = ("optimizer", "loss", "metrics", "jit_compile")


def output_facts(
    model: keras.Model,
    heads: Sequence[Head],
    paths: Mapping[int, str],
    targets: Keyed = (),
    validation_targets: Keyed = (),
) -> tuple[OutputFacts, ...]:
    """Return the facts of a model's outputs, of one if nothing is known of how many it has.

    Args:
        model: a model, compiled or not.
        heads: its outputs.
        paths: the paths of its layers, by `id(layer)`.
        targets, validation_targets: the facts of the targets.
    """
    heads = heads or [Head()]
    names = [_names_of(model, head, i) for i, head in enumerate(heads)]
    given = compiled_with(model)
    losses = [_of_output(given.get("loss"), i, names) for i in range(len(heads))]
    has_own_step = _has_own_step(model)
    found = []
    for i, head in enumerate(heads):
        metrics = _given_metrics(given, i, names, ("metrics",))
        target = _target_of(targets, i, names, losses)
        facts = OutputFacts(
            layer=_path(head, paths),
            activation=head.activation,
            shape=head.shape,
            metrics=_metrics_of(given, i, names),
            key=_key_of(given, names[i]),
            metrics_code=if_known(partial(_codes, metrics), ()),
            target=target,
            validation_target=_target_of(validation_targets, i, names, losses),
            weight=_weight(given.get("loss_weights"), i, names),
        )
        found.append(_with_loss(facts, losses[i], has_own_step))
    return tuple(found)


def _codes(things: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(code_of, things))


def _with_loss(facts: OutputFacts, given: Any, has_own_step: bool) -> OutputFacts:
    given = given[0] if isinstance(given, list | tuple) and given else given
    loss = named(given)
    name = _crossentropy(facts) if loss.name == "crossentropy" else loss.name
    is_own = bool(name) and (loss.is_own or has_own_step)
    code = "" if given is None else if_known(lambda: code_of(given), "")
    return replace(facts, loss=name, from_logits=loss.from_logits, own_loss=is_own, loss_code=code)


def _crossentropy(facts: OutputFacts) -> str:
    target = facts.target
    if target is None:
        return chosen_crossentropy(facts.units, None, None)
    rank = len(target.shape) - 1 - len(facts.shape)
    return chosen_crossentropy(facts.units, rank, target.columns)


def _weight(given: Any, index: int, names: Sequence[set[Any]]) -> float:
    """Return what an output's loss is multiplied with, 1 where that is not told."""
    mine = _of_output(given, index, names)
    only = mine[0] if isinstance(mine, list | tuple) and mine else mine
    return 1.0 if only is None else float(only)


def _has_own_step(model: keras.Model) -> bool:
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _STEPS)


def _path(head: Head, paths: Mapping[int, str]) -> str:
    if head.layer is None:
        return ""
    return paths.get(id(head.layer)) or path_of_layer(head.layer)


def _names_of(model: keras.Model, head: Head, index: int) -> set[Any]:
    """Return all by which a dict may call an output."""
    given = getattr(model, "output_names", None) or []
    named_by_model = given[index] if index < len(given) else None
    return {name for name in (head.name, head.key, named_by_model) if isinstance(name, str)} - {""}


def _of_output(given: Any, index: int, names: Sequence[set[Any]]) -> Any:
    """Return what of an argument of `compile` is for one output: one for all, a list, a dict."""
    if isinstance(given, dict) and not {"class_name", "config"} <= set(given):
        found = [given[key] for key in given if key in names[index]]
        only = list(given.values()) if len(names) == len(given) == 1 else []
        return (found or only or [None])[0]
    if isinstance(given, list | tuple) and len(names) > 1:
        return given[index] if len(given) == len(names) else None
    return given


def _metrics_of(given: Mapping[str, Any], index: int, names: Sequence[set[Any]]) -> tuple[str, ...]:
    metrics = _given_metrics(given, index, names, ("metrics", "weighted_metrics"))
    return tuple(dict.fromkeys(named(metric).name for metric in metrics))


def _given_metrics(
    given: Mapping[str, Any], index: int, names: Sequence[set[Any]], arguments: Sequence[str]
) -> list[Any]:
    """Return the metrics of one output as they were given."""
    found: list[Any] = []
    for argument in arguments:
        metrics = given.get(argument)
        mine = metrics if len(names) == 1 else _of_output(metrics, index, names)
        leaves = keras.tree.flatten(mine) if isinstance(mine, list | tuple | dict) else [mine]
        found += [metric for metric in leaves if metric is not None]
    return found


def _key_of(given: Mapping[str, Any], names: set[Any]) -> str:
    """Return by what a loss or a metric of an output was given in a dict, else ""."""
    dicts = [given[name] for name in ("loss", "metrics") if isinstance(given.get(name), dict)]
    return next((key for each in dicts for key in each if key in names), "")


def other_arguments(model: keras.Model) -> dict[str, str]:
    """Return what `compile` was given, beside optimizer, loss and metrics, as code."""
    defaults = inspect.signature(keras.Model.compile).parameters
    given = compiled_with(model)
    return {
        name: code_of(value)
        for name, value in given.items()
        if name not in _TOLD and name in defaults and value != defaults[name].default
    }


def _target_of(
    targets: Keyed, index: int, names: Sequence[set[Any]], losses: Sequence[Any]
) -> ArrayFacts | None:
    """Return the target of one output: by its name, or by its place among those with a loss."""
    by_name = [facts for key, facts in targets if key in names[index]]
    if by_name:
        return by_name[0]
    if any(isinstance(key, str) for key, _ in targets):
        return targets[0][1] if len(targets) == len(names) == 1 else None
    places = [i for i, loss in enumerate(losses) if loss is not None]
    places = places if len(places) == len(targets) else list(range(len(names)))
    if len(places) != len(targets) or index not in places:
        return None
    return targets[places.index(index)][1]
