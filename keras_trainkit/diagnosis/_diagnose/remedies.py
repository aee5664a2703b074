"""What mends the findings of a recorded training, as code and as changes of the same numbers."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static import names
from keras_trainkit.diagnosis._diagnose.static.code import Code, fit_code
from keras_trainkit.diagnosis._diagnose.static.data_code import is_scaled, normalization
from keras_trainkit.diagnosis._diagnose.static.rates import effective_rate
from keras_trainkit.diagnosis._diagnose.static.repairs import (
    changed_layer,
    compiled_with,
    fitted_with,
    fitting_head,
    measured_rate,
    together,
)
from keras_trainkit.diagnosis._diagnose.static.structure import (
    hidden,
    is_plain_chain,
    layer_named,
)
from keras_trainkit.diagnosis._diagnose.static.tasks import task_of
from keras_trainkit.diagnosis.facts import LayerFacts
from keras_trainkit.diagnosis.finding import Remedy

Remedies = tuple[Remedy, ...]
# Initializers that know nothing of how many inputs a unit has.
_BLIND = ("RandomNormal", "RandomUniform", "TruncatedNormal", "Constant", "Zeros", "Ones")
_BENT, _SELF_NORMALIZING = ("relu", "he_normal"), ("selu", "lecun_normal")
# So many sigmoids on top of each other leave a 64th of the gradient at most.
_STACK = 3
# From so many hidden layers on a network is deep, and the rate of gradient descent that it bears.
_DEEP, _BORNE = 8, 0.1
# Layers that are told the length of what is below.
_SHAPED = ("Reshape", "Permute", "RepeatVector")
# So many units a layer has at least, and so many times its own, that is to learn more.
_WIDE, _WIDER = 64, 4
NORMALIZE = Remedy(
    "normalize between the layers, behind each hidden one", "keras.layers.BatchNormalization()"
)


def scaled_rate(case: Case, factor: float) -> Remedies:
    """Return the remedy that measures a learning rate, and that of another one.

    Args:
        case: the training.
        factor: float. The new rate for the old one.
    """
    optimizer = case.facts.optimizer
    rate = optimizer.learning_rate if optimizer else math.nan
    if optimizer is None or not math.isfinite(rate):
        return (measured_rate(case.facts),)
    if optimizer.scheduled:
        return (compiled_with(case.facts, "a rate that stays", learning_rate=rate),)
    new = float(f"{rate * factor:.1g}")
    text = f"a {'lower' if factor < 1 else 'higher'} learning rate"
    other = compiled_with(case.facts, text, learning_rate=new)
    return measured_rate(case.facts, new), other


def measured(case: Case) -> Remedies:
    """Return the remedy that measures a learning rate, where the optimizer takes one."""
    return scaled_rate(case, 1.0)[:1]


def clipped(case: Case) -> Remedies:
    """Return the remedy of clipped gradients, where it is known how to compile the model."""
    arguments = {"global_clipnorm": 1.0}
    text = "clip the gradients"
    return (compiled_with(case.facts, text, optimizer=arguments),) if case.facts.outputs else ()


def equal_steps(case: Case) -> Remedies:
    """Return the remedy of an optimizer whose steps do not depend on the size of gradients."""
    arguments = {"class": "Adam", "learning_rate": 0.001}
    text = "steps of equal length"
    return (compiled_with(case.facts, text, **arguments),) if case.facts.outputs else ()


def scaled_inputs(case: Case) -> Remedies:
    """Return the remedy of scaled inputs, for the first that is not scaled."""
    facts = case.facts
    if any(layer.kind == "Embedding" for layer in facts.layers):
        return ()
    return tuple(normalization(case, x) for x in facts.inputs if not is_scaled(x))[:1]


def redrawn(case: Case) -> Remedies:
    """Return the remedy of weights that fit the number of inputs, where they were drawn blindly.

    A stack of sigmoids, however it is drawn, passes little on: it gets other activations with them.
    """
    sigmoids = [layer for layer in hidden(case.facts) if layer.activation == "sigmoid"]
    if len(sigmoids) >= _STACK and any(_drawn(layer) for layer in sigmoids):
        return bent(case)[:1]
    parts = [
        changed_layer(layer, "", **config)
        for layer in case.facts.layers
        if (config := _drawn(layer))
    ]
    text = "weights drawn to fit the layers, and biases of 0"
    return (together(text, [*parts, *_careful(case)]),) if parts else ()


def leaky(case: Case) -> Remedies:
    """Return the remedy of activations whose slope is nowhere 0."""
    parts = [
        changed_layer(layer, "", activation="leaky_relu")
        for layer in hidden(case.facts)
        if layer.activation == "relu" and _has_activation(layer)
    ]
    return (together("an activation whose slope is nowhere 0", parts),) if parts else ()


def bent(case: Case) -> Remedies:
    """Return the remedy of activations, or recurrences, that pass gradients on."""
    layers = hidden(case.facts)
    activation = _SELF_NORMALIZING if len(layers) >= _DEEP else _BENT
    parts = [part for layer in layers for part in _passing(layer, *activation)]
    text = "activations that pass gradients on, with weights that fit them"
    remedy = (together(text, [*parts, *_careful(case)]),) if parts else redrawn(case)
    return (*remedy, NORMALIZE)


def gated(case: Case) -> Remedies:
    """Return the remedy of recurrences that remember, in place of simple ones."""
    parts = [
        part
        for layer in hidden(case.facts)
        if layer.kind == "SimpleRNN"
        for part in _passing(layer, *_BENT)
    ]
    return (together("a recurrence that remembers", parts),) if parts else ()


def wider(case: Case) -> Remedies:
    """Return the remedy of more units, in all hidden layers of a network without branches."""
    layers = [layer for layer in hidden(case.facts) if _length(layer)]
    shapes = any(layer.kind in _SHAPED for layer in case.facts.layers)
    if not layers or shapes or not is_plain_chain(case.facts):
        return (Remedy("one more layer", 'keras.layers.Dense(256, activation="relu")'),)
    parts = []
    for layer in layers:
        config: dict[str, Any] = {_length(layer): max(_WIDE, _WIDER * (layer.units or 1))}
        parts.append(changed_layer(layer, "", **config))
    return (together("a larger network", parts),)


def is_narrow(case: Case) -> bool:
    """Say whether a hidden layer has hardly any units."""
    return any(0 < (layer.units or 0) <= _WIDER for layer in hidden(case.facts) if _length(layer))


def without(case: Case, text: str) -> Remedies:
    """Return the remedy that takes out the only layer of the user's, where shapes allow it.

    Args:
        case: the training.
        text: string. Why, with `{layer}` for its path.
    """
    facts = case.facts
    own = [i for i, layer in enumerate(facts.layers) if layer.path in facts.unknown]
    if len(own) != 1 or not is_plain_chain(replace(facts, unknown=())) or len(facts.inputs) > 1:
        return ()
    layer, before = facts.layers[own[0]], facts.layers[own[0] - 1] if own[0] else None
    shape = before.shape if before else facts.inputs[0].shape[1:] if facts.inputs else ()
    text = text.format(layer=layer.path)
    if layer.shape != shape:
        kind = _pooling(shape, layer.shape)
        return (changed_layer(layer, text, kind),) if kind else ()
    if before and before.fan_in and before.activation == "linear":  # It is its activation.
        return (changed_layer(layer, text, "Activation", activation="relu"),)
    return (changed_layer(layer, text, "Identity"),)


def reached(case: Case, path: str) -> Remedies:
    """Return the remedies for a layer that no gradient reaches, or that is not trained."""
    layer = layer_named(path, case.facts)
    if layer is not None and not layer.trainable:
        return (changed_layer(layer, "let it learn", trainable=True),)
    look = "print([weight.path for weight in model.trainable_weights])"
    return (
        *without(case, "take out {layer}, which lets no gradient through"),
        Remedy("connect it to the loss, or take it out", look),
    )


def known_loss(case: Case) -> Remedies:
    """Return the remedy of Keras's loss, and the output for it, in place of the user's own."""
    facts = case.facts
    if len(facts.outputs) != 1 or not facts.outputs[0].own_loss:
        return ()
    output = replace(facts.outputs[0], own_loss=False, loss="", loss_code="")
    facts = replace(facts, outputs=(output,))
    return fitting_head(output, task_of(output, facts, case.limits), facts)


def stopped(case: Case) -> Remedy:
    """Return the remedy of a training that stops where validation is best."""
    callback = Code("[EarlyStopping(patience=5, restore_best_weights=True)]")
    return Remedy(
        "stop where validation is best",
        "from keras_trainkit.callbacks import EarlyStopping\n"
        + fit_code(case.facts, {"callbacks": callback}),
    )


def watched(case: Case) -> Remedy:
    """Return the remedy of looking for the first number that is not finite."""
    return Remedy(
        "look for the first number that is not finite",
        "from keras_trainkit.callbacks import GradientMonitor\n"
        'monitor = GradientMonitor(every=1, on_nonfinite="stop", probe="first_batch")\n'
        + fit_code(case.facts, {"callbacks": Code("[monitor]")}),
    )


def epochs(case: Case, factor: int) -> Remedies:
    """Return the remedy of a longer training, where it is known how long it was."""
    planned = case.facts.plan.epochs
    return (fitted_with(case.facts, "train longer", epochs=factor * planned),) if planned else ()


def _drawn(layer: LayerFacts) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if layer.fan_in and layer.kind != "Embedding" and layer.initializer in _BLIND:
        is_relu = layer.activation in names.RELUS
        config["kernel_initializer"] = "he_normal" if is_relu else "glorot_uniform"
    if "bias_initializer" in layer.arguments:
        config["bias_initializer"] = "zeros"
    if "recurrent_initializer" in layer.arguments:
        config["recurrent_initializer"] = "orthogonal"
    return config


def _careful(case: Case) -> Remedies:
    """Return the remedy of a rate that deep networks bear, for gradient descent at a higher one."""
    optimizer = case.facts.optimizer
    if optimizer is None or optimizer.adaptive or optimizer.scheduled:
        return ()
    if len(hidden(case.facts)) < _DEEP or not effective_rate(optimizer) > _BORNE:
        return ()
    rate = float(f"{_BORNE * (1 - optimizer.momentum):.1g}")
    return (compiled_with(case.facts, "", learning_rate=rate),)


def _passing(layer: LayerFacts, activation: str, initializer: str) -> Iterator[Remedy]:
    if layer.kind == "SimpleRNN" and layer.arguments:
        sequences = layer.arguments.get("return_sequences") == "True"
        rest = {"return_sequences": True} if sequences else {}
        yield changed_layer(layer, "", "LSTM", units=layer.units, **rest)
    elif layer.activation in names.BOUNDS and _has_activation(layer):
        yield changed_layer(layer, "", activation=activation, kernel_initializer=initializer)


def _has_activation(layer: LayerFacts) -> bool:
    return layer.kind in (*names.DENSE, *names.CONVOLUTIONS)


def _length(layer: LayerFacts) -> str:
    """Return by which argument a layer is told how many units it has, `""` for others."""
    if layer.kind in (*names.DENSE, *names.RECURRENT):
        return "units"
    is_free = layer.kind in names.CONVOLUTIONS and not layer.kind.startswith("Depthwise")
    return "filters" if is_free else ""


def _pooling(above: tuple[int | None, ...], shape: tuple[int | None, ...]) -> str:
    """Return the layer that leaves one position of several, if that is what is done."""
    is_pooled = shape == above[-1:] and len(above) > 1
    return f"GlobalAveragePooling{len(above) - 1}D" if is_pooled else ""
