"""Dropout, penalty and optimizer, given to a compiled model that has not trained."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import keras
from keras_tuner.errors import FatalValueError

from keras_trainkit import layers
from keras_trainkit._keras_internals import (
    children_of,
    compiled_with,
    layers_of,
    may_get_state,
)

DROPOUTS = (
    layers.Dropout,
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
)
# Their dropout is a number of their own, which a layer inside repeats.
WITH_OWN_RATE = (keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)
KERNEL = "kernel"
# How Keras's layers call the penalties of their kernels, those that are not called like the kernel.
PENALTIES = tuple(f"{name}_regularizer" for name in (KERNEL, "recurrent", "depthwise", "pointwise"))


def set_dropout(model: keras.Model, rate: float) -> None:
    """Give all dropout layers of a model one rate."""
    found = list(_dropouts(model))
    if not found:
        raise _missing("dropout", "no dropout layer", model)
    for layer in found:
        layer.rate = rate
        if rate and not hasattr(layer, "seed_generator"):
            # Keras makes none for a rate of 0.
            with may_get_state(layer):
                layer.seed_generator = keras.random.SeedGenerator(layer.seed)


def set_penalty(model: keras.Model, regularizer: keras.regularizers.Regularizer | None) -> None:
    """Give all trainable kernels of a model one penalty, in place of their own."""
    found = 0
    for layer in filter(attrgetter("trainable"), layers_of(model)):
        for name in [name for name in vars(layer) if name.endswith(PENALTIES)]:
            # For the config, and where the kernel is still to be made.
            setattr(layer, name, regularizer)
            found += 1
        for variable in layer.trainable_variables:
            if variable.name.endswith(KERNEL):
                variable.regularizer = regularizer
                found += 1
    if not found:
        raise _missing("regularizer", "no trainable kernel", model)


def set_optimizer(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compile a model anew with another optimizer, and everything else as it was."""
    if type(model).compile is not keras.Model.compile:
        raise FatalValueError(
            "`optimizer` must be False for a model with a `compile` of its own. "
            f"Received: a model of the class {type(model).__name__}"
        )
    scales_loss = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    given = {**compiled_with(model), "optimizer": optimizer}
    model.compile(**given, auto_scale_loss=scales_loss)


def _dropouts(layer: keras.Layer) -> Iterator[Any]:
    if isinstance(layer, DROPOUTS):
        yield layer
    elif not isinstance(layer, WITH_OWN_RATE):
        for child in children_of(layer):
            yield from _dropouts(child)


def _missing(argument: str, what: str, model: keras.Model) -> FatalValueError:
    return FatalValueError(
        f"`{argument}` must be False for a model with {what}. Received: {model.name!r}, whose "
        f"layers are {[layer.name for layer in children_of(model)]}"
    )
