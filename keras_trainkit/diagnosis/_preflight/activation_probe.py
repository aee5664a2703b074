"""What the layers of a model put out on one batch, seen between two training steps."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._keras_internals import layers_of
from keras_trainkit._patching import patched
from keras_trainkit._tensors import float64_if_readable, numpy_if_readable
from keras_trainkit._untouched import Values, untouched
from keras_trainkit.diagnosis._preflight.layer_statistics import Row, statistics_of
from keras_trainkit.diagnosis._preflight.layer_tree import paths_of
from keras_trainkit.diagnosis.outcomes import outcome

# What an activation function or layer is called, in lower case, and its kind.
KINDS = {
    "relu": "relu",
    "relu6": "relu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
}


class ActivationProbe:
    """Measures what every layer makes of one batch in inference mode.

    The statistics are those of `diagnosis.Activations`; units lie on the last axis. A layer counts
    if it returns one floating tensor and no layer inside it does; what is inside a recurrent layer
    is left out, and so is a layer that returns several tensors. Of a layer that is called several
    times, and of a layer inside `TimeDistributed`, the last call counts.
    The batch passes through the model once, eagerly; nothing that the pass assigns, draws or adds
    to a loss remains, also after an exception.

    Args:
        model: built `keras.Model`. On JAX its variables must be up to date, as they are in
            `Callback.model`.
        batch: array, or nested arrays, that `model(batch)` takes.

    Attributes:
        outputs: what the model returned in the last pass. `None` before.
    """

    def __init__(self, model: keras.Model, batch: Any) -> None:
        self.model = model
        self.batch = batch
        self.outputs: Any = None

    def measure(self, values: Values = ()) -> list[tuple[str, str, Row]]:
        """Return the path, the kind and the statistics of each layer, in the order of first calls.

        A path is that of the owner of the layer's first weight, or the layer's own if it has none;
        the second layer of a path gets `#2`.

        Args:
            values: pairs of a variable and its value, as of `untouched`. Defaults to `()`.
        """
        log: list[tuple[keras.Layer, Row]] = []
        layers = layers_of(self.model)
        with untouched(self.model, values), ExitStack() as stack:
            for layer in whole(layers):
                stack.enter_context(patched(layer, call=_measuring(layer, log)))
            self.outputs = self.model(self.batch, training=False)
        latest = {id(layer): (layer, row) for layer, row in log}
        paths = paths_of([layer for layer, _ in latest.values()])
        return [(paths[id(layer)], _kind(layer), row) for layer, row in latest.values()]

    def outcomes(self, targets: Any = None) -> list[tuple[str, Row]]:
        """Return the name and the statistics of each output in the last pass.

        Args:
            targets: what `fit` compares the outputs with, nested like them; `None` if not known.
        """
        outputs = keras.tree.flatten(self.outputs)
        known = [] if targets is None else keras.tree.flatten(targets)
        known = known if len(known) == len(outputs) else [None] * len(outputs)
        names = getattr(self.model, "output_names", None) or ()
        names = (
            names if len(names) == len(outputs) else [f"output_{i}" for i in range(len(outputs))]
        )
        return [
            (name, outcome(values, None if target is None else float64_if_readable(target)))
            for name, output, target in zip(names, outputs, known, strict=True)
            if (values := _values(output)) is not None
        ]


def whole(layers: list[keras.Layer]) -> list[keras.Layer]:
    """Return the layers without those inside recurrent layers or serving as an activation."""
    parts = {id(layer.activation) for layer in layers if hasattr(layer, "activation")}
    for layer in layers:
        if isinstance(layer, keras.layers.RNN):
            parts |= {id(inner) for inner in layers_of(layer, include_self=False)}
    return [layer for layer in layers if id(layer) not in parts]


def _measuring(layer: keras.Layer, log: list[tuple[keras.Layer, Row]]) -> Callable:
    """Return the layer's `call`, noting its output in `log` unless a layer inside has done so."""
    forward = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        before = len(log)
        outputs = forward(*args, **kwargs)
        y = _values(outputs) if len(log) == before else None
        if y is not None:
            log.append((layer, statistics_of(y, _kind(layer), getattr(layer, "axis", -1))))
        return outputs

    return call


def _values(outputs: Any) -> np.ndarray | None:
    """Return the values of a floating tensor, None for anything else."""
    if not ops.is_tensor(outputs) or not keras.backend.is_float_dtype(outputs.dtype):
        return None
    return numpy_if_readable(outputs)


def _kind(layer: keras.Layer) -> str:
    """Return the kind of the layer's activation, or of the layer if it is itself one."""
    activation = getattr(layer, "activation", layer)
    if isinstance(activation, keras.Layer) and activation is not layer:
        return _kind(activation)
    name = getattr(activation, "__name__", type(activation).__name__)
    return KINDS.get(name.lower(), "")
