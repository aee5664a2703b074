"""All facts of a training before its first update, gathered from a model and `fit`'s arguments."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from keras_trainkit.diagnosis._preflight.array_facts import array_facts, unseen_facts
from keras_trainkit.diagnosis._preflight.baselines import (
    class_advantage,
    curved_skill,
    linear_skill,
)
from keras_trainkit.diagnosis._preflight.compile_facts import (
    Keyed,
    other_arguments,
    output_facts,
)
from keras_trainkit.diagnosis._preflight.duplicates import duplicates_of
from keras_trainkit.diagnosis._preflight.heads import Head, has_graph, heads_of
from keras_trainkit.diagnosis._preflight.layer_facts import if_known, layer_facts
from keras_trainkit.diagnosis._preflight.layer_tree import (
    innermost,
    paths_of,
    reached_in,
    unknown_inside,
)
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis._preflight.optimizer_facts import optimizer_facts
from keras_trainkit.diagnosis._preflight.plan_facts import plan_facts
from keras_trainkit.diagnosis._preflight.sources import Data, Unseen, data_of, split_arrays
from keras_trainkit.diagnosis._preflight.traces import Trace, symbolic_inputs, trace_of
from keras_trainkit.diagnosis.facts import ArrayFacts, Facts, OutputFacts, PlanFacts


def facts_of(
    model: keras.Model,
    arguments: Mapping[str, Any],
    data: tuple[Data, Data] | None = None,
    built: keras.Model | None = None,
) -> Facts:
    """Return what is known of a training; what is not is `None`, empty or NaN.

    Nothing is changed: no number is drawn, no iterator advances, no code of the user's runs but
    the `call` of a model without a graph, on symbolic tensors.

    Args:
        model: a model, built and compiled or not.
        arguments: dict. Those of `fit`, by their names.
        data: training and validation data that have been looked at. Defaults to `None`: what
            `looked_at(arguments)` returns.
        built: a built copy of the model, to look at its layers. Defaults to `None`: the model.
    """
    built = built or model
    training, validation = data or looked_at(arguments)
    inputs, targets = _described("x", training.x, training), _described("y", training.y, training)
    held_out = _described("validation x", validation.x, validation)
    their_targets = _described("validation y", validation.y, validation)
    traced: Trace | None = if_known(lambda: _traced(built, training.x), None)
    heads: list[Head] = if_known(lambda: heads_of(built, traced), [])
    layers: list[Any] = if_known(lambda: _layers(built, traced), [])
    paths: dict[int, str] = if_known(lambda: paths_of(layers), {})
    reached: dict[int, str] = if_known(lambda: reached_in(built), {})
    shapes = traced.shapes if traced else {}
    seen = (*inputs, *targets)
    is_sampled = training.is_sample or any(_is_partial(facts) for _, facts in seen)
    plan = if_known(lambda: plan_facts(arguments, training, is_sampled), PlanFacts())
    outputs: tuple[OutputFacts, ...] = if_known(
        lambda: output_facts(model, heads, paths, targets, their_targets), ()
    )
    return Facts(
        layers=if_known(lambda: layer_facts(layers, paths, shapes, reached), ()),
        outputs=outputs,
        optimizer=if_known(lambda: optimizer_facts(model, arguments, plan.updates), None),
        inputs=tuple(facts for _, facts in inputs),
        validation_inputs=tuple(facts for _, facts in held_out),
        plan=plan,
        unknown=if_known(lambda: tuple(unknown_inside(built)), ("",)),
        compiled=if_known(lambda: other_arguments(model), {}),
        linear_skill=if_known(lambda: linear_skill(training.x, training.y), math.nan),
        curved_skill=if_known(lambda: curved_skill(training.x, training.y), math.nan),
        class_advantage=if_known(lambda: _class_advantage(outputs, training), math.nan),
        duplicates=if_known(
            lambda: duplicates_of(training.x, training.y, keras.config.floatx()), None
        ),
    )


def looked_at(arguments: Mapping[str, Any], draws: bool = False) -> tuple[Data, Data]:
    """Return what is known of the training and the validation data of a `fit`.

    Args:
        arguments: dict. Those of `fit`, by their names.
        draws: bool. Whether to take samples from copies, see `data_of`. Defaults to `False`.
    """
    x, y, held_out = (arguments.get(name) for name in ("x", "y", "validation_data"))
    share = arguments.get("validation_split") or 0.0
    if held_out is None and share and not data_of(x, y).obstacle:
        cut = if_known(lambda: split_arrays(x, y, share), None)
        if cut is not None:
            return data_of(*cut[0]), data_of(*cut[1])
    is_tuple = isinstance(held_out, list | tuple)
    parts = keras.utils.unpack_x_y_sample_weight(held_out)[:2] if is_tuple else (held_out, None)
    return data_of(x, y, draws), data_of(parts[0], parts[1], draws)


def _class_advantage(outputs: Sequence[OutputFacts], training: Data) -> float:
    """Return the advantage where one number is learned, for which alone it is asked."""
    is_number = [output.units for output in outputs] == [1]
    return class_advantage(training.x, training.y) if is_number else math.nan


def _layers(model: keras.Model, traced: Trace | None) -> list[Any]:
    """Return the innermost layers, in the order of their first calls where it is known.

    A layer that is not called stays behind the one that stands before it in the model.
    """
    places: dict[int, int] = {}
    for place, call in enumerate(traced.calls if traced else ()):
        places.setdefault(id(call.layer), place)
    layers, last = innermost(model), -1
    for layer in layers:
        last = places.setdefault(id(layer), last)
    return sorted(layers, key=lambda layer: places[id(layer)])


def _described(name: str, structure: Any, data: Data) -> Keyed:
    """Return the facts of nested arrays with the keys that lead to them."""
    found: list[tuple[Any, ArrayFacts]] = []
    for leaf in leaves_of(name, structure):
        with contextlib.suppress(Exception):  # Whatever an array of another library raises.
            found.append((leaf.key, _of(leaf.name, leaf.value, data)))
    return found


def _of(name: str, array: Any, data: Data) -> ArrayFacts:
    if isinstance(array, Unseen):
        return unseen_facts(name, array.shape, array.dtype)
    facts = array_facts(name, array)
    return replace(facts, shape=(data.rows, *facts.shape[1:])) if data.is_sample else facts


def _is_partial(facts: ArrayFacts) -> bool:
    return facts.shape[:1] != (facts.seen,)


def _traced(model: keras.Model, x: Any) -> Trace | None:
    """Return a trace of a built model that has no graph, by the shapes of its inputs."""
    if has_graph(model) or x is None or not model.built:
        return None
    return trace_of(model, symbolic_inputs(x))
