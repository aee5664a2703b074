"""Remedies of networks, losses and rates: the code and the change, of the same numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_trainkit.diagnosis._diagnose.static import names, tasks
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis._diagnose.static.structure import head_of
from keras_trainkit.diagnosis._diagnose.static.tasks import Task
from keras_trainkit.diagnosis.facts import Facts, LayerFacts, OptimizerFacts, OutputFacts
from keras_trainkit.diagnosis.finding import Remedy

Change = dict[str, Any]
# Optimizers of this package that Keras has not.
_OURS = ("NAG",)


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


def changed_layer(layer: LayerFacts, text: str, **config: Any) -> Remedy:
    """Return the remedy of other arguments for one layer."""
    change: Change = {"kind": "layer", "path": layer.path, "config": config}
    if layer.kind in names.ACTIVATION_LAYERS:
        change["class"] = "Activation"
    return Remedy(text, layer_code(layer, config), change)


def changed_layers(layers: Sequence[LayerFacts], text: str, **config: Any) -> Remedy:
    """Return the remedy of the same other arguments for several layers."""
    return together(text, [changed_layer(layer, text, **config) for layer in layers])


def together(text: str, parts: Sequence[Remedy]) -> Remedy:
    """Return several remedies as one."""
    if len(parts) == 1:
        return Remedy(text, parts[0].code, parts[0].change)
    changes = [part.change for part in parts]
    whole = {"kind": "several", "changes": changes} if all(changes) else None
    return Remedy(text, "\n".join(part.code for part in parts), whole)


def compiled_with(facts: Facts, text: str, **arguments: Any) -> Remedy:
    """Return the remedy of other arguments of `compile`.

    Args:
        facts: `Facts`.
        text: string. What to do.
        arguments: `loss`, `output` (its index), `metrics`, `learning_rate`, or `optimizer`, a dict
            of an optimizer's arguments.
    """
    change: Change = {"kind": "compile", **arguments}
    return Remedy(text, compile_code(facts, arguments), change)


def layer_code(layer: LayerFacts, config: Mapping[str, Any]) -> str:
    """Return the constructor of a layer with other arguments."""
    if layer.kind in names.ACTIVATION_LAYERS:
        return f'keras.layers.Activation("{config["activation"]}")'
    first: list[str] = []
    rest = {name: value for name, value in config.items() if name not in ("units", "filters")}
    if layer.kind in names.DENSE:
        first = [str(config.get("units", layer.units))]
        if "activation" not in rest and layer.activation not in ("", "linear"):
            rest = {"activation": layer.activation, **rest}
    elif layer.kind in (*names.CONVOLUTIONS, *names.RECURRENT):
        first = [str(config.get("filters", config.get("units", layer.units))), "..."]
    if first and rest.get("activation") == "linear":
        del rest["activation"]
    arguments = [*first, *(f"{name}={_literal(value)}" for name, value in rest.items())]
    return f"keras.layers.{layer.kind}({', '.join(arguments)})"


def optimizer_code(optimizer: OptimizerFacts | None, arguments: Mapping[str, Any]) -> str:
    """Return the constructor of the optimizer with other arguments."""
    if optimizer is None:
        return '"adam"'
    numbers: Change = {} if optimizer.scheduled else {"learning_rate": optimizer.learning_rate}
    if optimizer.momentum and not optimizer.adaptive:
        numbers["momentum"] = optimizer.momentum
    numbers = {k: v for k, v in {**numbers, **arguments}.items() if not _is_nan(v)}
    listed = ", ".join(f"{name}={_literal(value)}" for name, value in numbers.items())
    package = "keras_trainkit" if optimizer.kind in _OURS else "keras"
    return f"{package}.optimizers.{optimizer.kind}({listed})"


def compile_code(facts: Facts, arguments: Mapping[str, Any]) -> str:
    """Return the call of `compile` with other arguments."""
    numbers = dict(arguments.get("optimizer", {}))
    if "learning_rate" in arguments:
        numbers["learning_rate"] = arguments["learning_rate"]
    losses = [_loss_code(output) for output in facts.outputs]
    if "loss" in arguments:
        losses[arguments.get("output", 0)] = _literal(arguments["loss"])
    loss = losses[0] if len(losses) == 1 else f"[{', '.join(losses)}]"
    parts = [optimizer_code(facts.optimizer, numbers), f"loss={loss}"]
    metrics = arguments.get("metrics")
    if metrics is None and len(facts.outputs) == 1 and facts.outputs[0].metrics:
        metrics = [spelled(metric) for metric in facts.outputs[0].metrics]
    if metrics:
        parts.append(f"metrics={_literal(list(metrics))}")
    return f"model.compile({', '.join(parts)})"


def _layer_parts(output: OutputFacts, head: Head, facts: Facts) -> list[Remedy]:
    """Return the remedies that give the output the units and the activation of a head."""
    layers = head_of(output, facts)
    needs_units = output.units is not None and output.units != head.units
    needs_activation = spelled(output.activation) != head.activation
    if not layers:
        needed = needs_units or needs_activation
        code = f'keras.layers.Dense({head.units}, activation="{head.activation}")'
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
    needs_loss = loss != spelled(output.loss) or output.from_logits
    if needs_loss and not output.own_loss:
        arguments["loss"] = loss
        if len(facts.outputs) > 1:
            arguments["output"] = facts.outputs.index(output)
    if len(facts.outputs) == 1 and metrics_fit_not(output, head, bool(arguments)):
        arguments["metrics"] = [head.metric]
        arguments.setdefault("loss", loss)
    if "loss" in arguments and output.own_loss:
        del arguments["loss"]
    return compiled_with(facts, "the loss", **arguments) if arguments else None


def metrics_fit_not(output: OutputFacts, head: Head, changes_loss: bool) -> bool:
    """Say whether an accuracy measures regression, or another kind of targets than a new loss."""
    accuracies = [m for m in map(spelled, output.metrics) if m in names.ACCURACIES]
    is_regression = head.metric == "mean_absolute_error"
    return bool(accuracies) and (is_regression or (changes_loss and accuracies != ["accuracy"]))


def _loss_code(output: OutputFacts) -> str:
    """Return the loss as it is: by its name, as an object for logits, as the user's own."""
    if output.own_loss or not output.loss:
        return output.loss or "None"
    name = spelled(output.loss)
    if not output.from_logits:
        return _literal(name)
    return f"keras.losses.{''.join(part.title() for part in name.split('_'))}(from_logits=True)"


def _called(activation: str) -> str:
    return "no activation" if activation == "linear" else activation


def _literal(value: Any) -> str:
    """Return a value as code, with the quotes that formatters choose."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
