"""Remedies of networks, losses and rates: the code and the change, of the same numbers."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.code import (
    call,
    compile_code,
    fit_code,
    layer_code,
    literal,
)
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.structure import head_of
from keras_trainkit.diagnosis._diagnose.static.tasks import Task
from keras_trainkit.diagnosis.facts import Facts, LayerFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Remedy

Change = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """The output and the loss that fit a task."""

    units: int
    activation: str
    loss: str
    fitting: tuple[str, ...]
    metric: str


def head_for(task: Task, output: OutputFacts) -> Head | None:
    """Return what fits a task, as near as possible to what there is; `None` for unknown ones."""
    loss, units = spelled(output.loss), output.units or 0
    if task.kind == tasks.BINARY and loss in names.SPARSE_LOSSES and units > 1:
        task = Task(tasks.CLASSES, 1, 2)
    if task.kind == tasks.BINARY:
        return Head(1, "sigmoid", "binary_crossentropy", names.BINARY_LOSSES, "accuracy")
    if task.kind == tasks.CLASSES:
        units = max(task.classes, units)
        return Head(units, "softmax", names.SPARSE_LOSSES[0], names.SPARSE_LOSSES, "accuracy")
    fitting: tuple[str, ...]
    if task.kind in (tasks.ONE_HOT, tasks.DISTRIBUTION):
        fitting = (*names.CATEGORICAL_LOSSES, "kl_divergence")
        return Head(task.columns, "softmax", fitting[0], fitting, "accuracy")
    if task.kind == tasks.MULTI_LABEL:
        fitting = names.BINARY_LOSSES
        return Head(task.columns, "sigmoid", fitting[0], fitting, "binary_accuracy")
    if task.kind == tasks.SHARES:
        fitting = (*names.BINARY_LOSSES, *names.DISTANCES)
        return Head(task.columns, "sigmoid", fitting[0], fitting, "mean_absolute_error")
    if task.kind == tasks.REGRESSION:
        fitting = names.REGRESSION_LOSSES
        return Head(task.columns, "linear", fitting[0], fitting, "mean_absolute_error")
    return None


def fitting_head(output: OutputFacts, task: Task, facts: Facts) -> tuple[Remedy, ...]:
    """Return the remedy that makes output and loss fit the task, all that differs at once."""
    head = head_for(task, output)
    if head is None:
        return ()
    parts = _layer_parts(output, head, facts)
    compiled = _compile_part(output, head, facts)
    parts = [*parts, *([compiled] if compiled else [])]
    if not parts:
        return ()
    shown = f"{head.units} unit{'s' if head.units > 1 else ''}, {_called(head.activation)}"
    loss = "" if output.own_loss or not compiled else f", and {head_loss(output, head)}"
    return (together(f"an output that fits the targets: {shown}{loss}", parts),)


def head_loss(output: OutputFacts, head: Head) -> str:
    """Return the loss in use if it fits, or the one that does."""
    loss = spelled(output.loss)
    return loss if output.own_loss or loss in head.fitting else head.loss


def changed_layer(layer: LayerFacts, text: str, kind: str = "", **config: Any) -> Remedy:
    """Return the remedy of other arguments for one layer.

    Args:
        layer: `LayerFacts`.
        text: string. What to do.
        kind: string. The class of Keras that takes its place. Defaults to `""`: its own.
        config: the arguments that differ; with a class, all that it gets.
    """
    change: Change = {"kind": "layer", "path": layer.path, "config": config}
    if layer.kind in names.ACTIVATION_LAYERS:
        kind = "Activation"
    if kind:
        change["class"] = kind
    return Remedy(text, layer_code(layer, config, kind), change)


def changed_layers(layers: Sequence[LayerFacts], text: str, **config: Any) -> Remedy:
    """Return the remedy of the same other arguments for several layers."""
    return together(text, [changed_layer(layer, text, **config) for layer in layers])


def together(text: str, parts: Sequence[Remedy]) -> Remedy:
    """Return several remedies as one."""
    if len(parts) == 1:
        return Remedy(text, parts[0].code, parts[0].change)
    changes = [part.change for part in parts]
    whole = {"kind": "several", "changes": changes} if all(changes) else None
    return Remedy(text, "\n".join(_told(parts)), whole)


def _told(parts: Sequence[Remedy]) -> Iterator[str]:
    """Yield the code of each part, once for layers that get the same, with their paths."""
    are_several = sum(map(_is_layer, parts)) > 1
    for code, same in itertools.groupby(parts, key=lambda part: part.code):
        alike = list(same)
        paths = [part.change["path"] for part in alike if part.change and _is_layer(part)]
        several = f"{paths[0]} to {paths[-1]}: {len(paths)} layers" if len(paths) > 1 else ""
        yield f"# {several or paths[0]}\n{code}" if paths and are_several else code


def _is_layer(part: Remedy) -> bool:
    """Say whether the code is the constructor of a layer."""
    change = part.change or {}
    return change.get("kind") == "layer" and part.code.startswith("keras")


def compiled_with(facts: Facts, text: str, **arguments: Any) -> Remedy:
    """Return the remedy of other arguments of `compile`.

    Args:
        facts: `Facts`.
        text: string. What to do.
        arguments: `loss` and `metrics`, both of the output of index `output`; `learning_rate`;
            `optimizer`, a dict of an optimizer's arguments; `loss_weights`.
    """
    change: Change = {"kind": "compile", **arguments}
    return Remedy(text, compile_code(facts, arguments), change)


def fitted_with(facts: Facts, text: str, **arguments: Any) -> Remedy:
    """Return the remedy of other arguments of `fit`."""
    return Remedy(text, fit_code(facts, arguments), {"kind": "fit", **arguments})


def measured_rate(facts: Facts, otherwise: float = math.nan) -> Remedy:
    """Return the remedy of a rate that need not be guessed.

    Args:
        facts: `Facts`.
        otherwise: float. The rate where the losses scatter too much to tell. Defaults to NaN: none.
    """
    size = facts.plan.batch_size
    given = ", ".join(["model", "x", "y", *([f"batch_size={size}"] if size else [])])
    rate = "found.suggestion"
    if not math.isnan(otherwise):
        rate = f"{rate} if {rate} > 0 else {literal(otherwise)}"
    return Remedy(
        "measure which learning rate fits",
        "from keras_trainkit.callbacks import find_learning_rate\n"
        f"found = find_learning_rate({given})\n"
        f"model.optimizer.learning_rate = {rate}",
    )


def _layer_parts(output: OutputFacts, head: Head, facts: Facts) -> list[Remedy]:
    """Return the remedies that give the output the units and the activation of a head."""
    layers = head_of(output, facts)
    needs_units = output.units is not None and output.units != head.units
    needs_activation = spelled(output.activation) != head.activation
    if not layers:
        needed = needs_units or needs_activation
        arguments = {"units": str(head.units), "activation": literal(head.activation)}
        code = call("keras.layers.Dense", arguments)
        return [Remedy("the output", code)] if needed else []
    kernel, *activating = layers
    config: Change = {}
    if needs_units:
        config["units" if kernel.kind not in names.CONVOLUTIONS else "filters"] = head.units
    parts = []
    if activating and needs_activation:
        parts.append(changed_layer(activating[0], "the output", activation=head.activation))
    if needs_activation and not activating:
        config["activation"] = head.activation
    if config:
        kept = {} if activating else {"activation": spelled(output.activation)}
        parts.insert(0, changed_layer(kernel, "the output", **{**kept, **config}))
    return parts


def _compile_part(output: OutputFacts, head: Head, facts: Facts) -> Remedy | None:
    """Return the remedy that gives an output the loss of a head, `None` where the loss fits."""
    loss = head_loss(output, head)
    arguments: Change = {}
    if (loss != spelled(output.loss) or output.from_logits) and not output.own_loss:
        arguments["loss"] = loss
    if metrics_fit_not(output, head, bool(arguments)):
        arguments["metrics"] = [head.metric]
    if not arguments:
        return None
    return compiled_with(facts, "the loss", **arguments, **place_of(output, facts))


def place_of(output: OutputFacts, facts: Facts) -> Change:
    """Return which of several outputs it is, as a change says it."""
    if len(facts.outputs) == 1:
        return {}
    key = {"key": output.key} if output.key else {}
    return {"output": facts.outputs.index(output), **key}


def metrics_fit_not(output: OutputFacts, head: Head, changes_loss: bool) -> bool:
    """Say whether an accuracy measures regression, or another kind of targets than a new loss."""
    accuracies = [m for m in map(spelled, output.metrics) if m in names.ACCURACIES]
    is_regression = head.metric == "mean_absolute_error"
    return bool(accuracies) and (is_regression or (changes_loss and accuracies != ["accuracy"]))


def _called(activation: str) -> str:
    return "no activation" if activation == "linear" else activation
