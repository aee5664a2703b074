"""What regularizers of the layers add to the loss."""

from contextlib import ExitStack
from typing import Any

import keras

from keras_trainkit._patching import patched
from keras_trainkit._tensors import float64_if_readable
from keras_trainkit._untouched import Values, untouched
from keras_trainkit.diagnosis._preflight.layer_tree import innermost, paths_of


def penalties_of(model: keras.Model, rows: Any, values: Values = ()) -> dict[str, float]:
    """Return what the regularizers of each layer that has any add to the loss, by its path.

    A regularizer of activities counts as much as one of weights; what a layer without one adds is
    part of what it learns.

    Args:
        model: built `keras.Model`. It is left as it is.
        rows: arrays, nested as the model takes them.
        values: pairs of a variable and its value, as of `untouched`. Defaults to `()`.
    """
    layers = innermost(model)
    paths = paths_of(layers)
    regularized = [each for each in layers if isinstance(each, keras.Layer) and _weighs(each)]
    if not regularized:
        return {}
    losses: dict[int, list[Any]] = {id(layer): [] for layer in regularized}
    with untouched(model, values), ExitStack() as stack:
        for layer in regularized:
            stack.enter_context(patched(layer, add_loss=losses[id(layer)].append))
        model(rows, training=False)
        for layer in regularized:
            losses[id(layer)] += [weight.regularizer(weight) for weight in _held(layer)]
        return {paths[id(layer)]: _sum(losses[id(layer)]) for layer in regularized}


def _weighs(layer: keras.Layer) -> bool:
    return layer.activity_regularizer is not None or bool(_held(layer))


def _held(layer: keras.Layer) -> list[keras.Variable]:
    return [weight for weight in layer.trainable_variables if weight.regularizer is not None]


def _sum(losses: list[Any]) -> float:
    values = map(float64_if_readable, losses)
    return float(sum(value.sum() for value in values if value is not None))
