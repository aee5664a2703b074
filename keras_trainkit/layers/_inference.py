"""A model in inference mode with some layers replaced, of which nothing remains."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._shadowing import shadowed


def layers_inside(model: keras.Model, kinds: tuple[type, ...]) -> list[keras.Layer]:
    """Return the layers of some `kinds` in a built model, at any depth, each once."""
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on a batch first. "
            f"Received: model={model.name!r}, built=False"
        )
    layers = model._flatten_layers()  # the only way to layers inside layers
    return [layer for layer in layers if isinstance(layer, kinds)]


def infer(
    model: keras.Model,
    values: Iterable[Any],
    x: Any,
    replacements: dict[keras.Layer, dict[str, Any]],
) -> Any:
    """Return the model's outputs at inference, with other values for all of its `variables`.

    `replacements` holds attributes of layers, above all `call`, that stand in for the layers' own
    during the pass. What the pass assigns to a variable is forgotten.
    """
    mapping = list(zip(model.variables, values, strict=True))
    with keras.StatelessScope(mapping), ExitStack() as stack:
        for layer, attributes in replacements.items():
            stack.enter_context(shadowed(layer, **attributes))
        return model(x, training=False)


def float64(x: Any) -> np.ndarray:
    """Return a tensor as a NumPy array of type float64."""
    return ops.convert_to_numpy(x).astype("float64")
