"""Layers, optimizers and calls of `compile`, with some arguments changed, as code."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis._diagnose.static.names import spelled
from keras_trainkit.diagnosis.facts import Facts, LayerFacts, OptimizerFacts, OutputFacts

# Arguments that are written without their names where they stand in front.
_IN_FRONT = ("units", "filters", "kernel_size", "input_dim", "output_dim", "layer", "rate")
# Of these an optimizer takes one.
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
_NOTHING = ("None", '"linear"')


@dataclass(frozen=True)
class Code:
    """A value that a script has when it runs."""

    text: str

    def __repr__(self) -> str:
        """Return it as code."""
        return self.text


def layer_code(layer: LayerFacts, config: Mapping[str, Any], kind: str = "") -> str:
    """Return the constructor of a layer with other arguments.

    Args:
        layer: `LayerFacts`.
        config: dict of arguments. A layer that is reached from the model needs no constructor for
            `trainable` alone.
        kind: string. The class of Keras that takes its place, which gets `config` alone.
    """
    if set(config) == {"trainable"} and layer.reached:
        return f"{layer.reached}.trainable = {config['trainable']}"
    new = _literals(config)
    if kind == "Activation":
        return f"keras.layers.Activation({new['activation']})"
    if kind:
        return call(f"keras.layers.{kind}", new)
    place = layer.place or f"keras.layers.{layer.kind}"
    return call(place, {**(layer.arguments or _guessed(layer)), **new})


def optimizer_code(optimizer: OptimizerFacts | None, arguments: Mapping[str, Any]) -> str:
    """Return the constructor of the optimizer with other arguments."""
    if optimizer is None:
        return '"adam"'
    given = dict(optimizer.arguments or _guessed_optimizer(optimizer))
    if any(name in arguments for name in CLIPPING):
        given = {name: code for name, code in given.items() if name not in CLIPPING}
    place = optimizer.place or f"keras.optimizers.{optimizer.kind}"
    return call(place, {**given, **_literals(arguments)})


def compile_code(facts: Facts, arguments: Mapping[str, Any]) -> str:
    """Return the call of `compile` with other arguments.

    Args:
        facts: `Facts`.
        arguments: what is changed, as in `Remedy.change`.
    """
    place = arguments.get("output", 0)
    losses = [_loss_code(output) for output in facts.outputs]
    metrics = [_metrics_code(output) for output in facts.outputs]
    if "loss" in arguments:
        losses[place] = literal(arguments["loss"])
    if "metrics" in arguments:
        metrics[place] = literal(list(arguments["metrics"]))
    numbers = numbers_of(arguments)
    if "class" in arguments:
        optimizer = call(f"keras.optimizers.{arguments['class']}", _literals(numbers))
    else:
        optimizer = optimizer_code(facts.optimizer, numbers)
    parts = [optimizer, f"loss={_of_outputs(facts.outputs, losses)}"]
    if any(each != "[]" for each in metrics):
        parts.append(f"metrics={_of_outputs(facts.outputs, metrics)}")
    others = {n: code for n, code in facts.compiled.items() if n not in arguments}
    return f"model.compile({', '.join([*parts, *_named(others)])})"


def numbers_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the optimizer among what is changed of `compile`."""
    rate = {name: arguments[name] for name in ("learning_rate",) if name in arguments}
    return {**rate, **arguments.get("optimizer", {})}


def fit_code(facts: Facts, arguments: Mapping[str, Any]) -> str:
    """Return the call of `fit` with other arguments; those that are not changed stay."""
    plan = facts.plan
    given: dict[str, Any] = {"batch_size": plan.batch_size, "epochs": plan.epochs}
    given = {name: value for name, value in given.items() if value and plan.batch_size}
    shown = _literals({**given, **arguments})
    if plan.split:
        shown = {"validation_split": f"{plan.split:g}", **shown}
    elif facts.validation_inputs:
        shown = {"validation_data": "(x_val, y_val)", **shown}
    return f"model.fit({', '.join(['x', 'y', *_named(shown)])})"


def call(place: str, arguments: Mapping[str, str]) -> str:
    """Return a call; arguments that say what is so anyway are left out."""
    said = {n: code for n, code in arguments.items() if n != "activation" or code not in _NOTHING}
    first = list(itertools.takewhile(_IN_FRONT.__contains__, said))
    rest = {name: code for name, code in said.items() if name not in first}
    return f"{place}({', '.join([*(said[name] for name in first), *_named(rest)])})"


def literal(value: Any) -> str:
    """Return a value as code, with the quotes that formatters choose."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping) and "class_name" in value:
        place = f"{value['module']}.{value['class_name']}"
        return call(place, _literals(value["config"]))
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return _float(value) if isinstance(value, float) else repr(value)


def _float(value: float) -> str:
    """Return six digits; Keras takes no integers for rates."""
    digits = f"{value:g}"
    return f"{digits}.0" if digits.lstrip("-").isdigit() else digits


def _guessed(layer: LayerFacts) -> dict[str, str]:
    """Return what is known of the arguments of a layer whose constructor is not."""
    given: dict[str, str] = {}
    if layer.units and layer.kind in (*names.DENSE, *names.RECURRENT):
        given["units"] = str(layer.units)
    if layer.units and layer.kind == "Embedding":
        given |= {"input_dim": str(layer.parameters // layer.units), "output_dim": str(layer.units)}
    if layer.kind in names.DENSE and layer.activation:
        given["activation"] = literal(layer.activation)
    return given


def _guessed_optimizer(optimizer: OptimizerFacts) -> dict[str, str]:
    numbers = {} if optimizer.scheduled else {"learning_rate": optimizer.learning_rate}
    if optimizer.momentum and not optimizer.adaptive:
        numbers["momentum"] = optimizer.momentum
    return _literals({name: each for name, each in numbers.items() if not math.isnan(each)})


def _literals(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: literal(value) for name, value in values.items()}


def _loss_code(output: OutputFacts) -> str:
    """Return the loss as it is: by its name, as an object for logits, as the user's own."""
    if output.loss_code or output.own_loss or not output.loss:
        return output.loss_code or output.loss or "None"
    name = spelled(output.loss)
    if not output.from_logits:
        return literal(name)
    return f"keras.losses.{''.join(part.title() for part in name.split('_'))}(from_logits=True)"


def _metrics_code(output: OutputFacts) -> str:
    given = output.metrics_code or tuple(literal(spelled(metric)) for metric in output.metrics)
    return f"[{', '.join(given)}]"


def _of_outputs(outputs: Sequence[OutputFacts], codes: Sequence[str]) -> str:
    """Return what is one output's, or a dict or a list of it for several."""
    if len(codes) == 1:
        return codes[0]
    if all(output.key for output in outputs):
        pairs = zip(outputs, codes, strict=True)
        return f"{{{', '.join(f'{literal(output.key)}: {code}' for output, code in pairs)}}}"
    return f"[{', '.join(codes)}]"


def _named(arguments: Mapping[str, str]) -> list[str]:
    return [f"{name}={code}" for name, code in arguments.items()]
