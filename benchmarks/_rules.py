"""The update rules that are compared, as Keras, this package, torch.optim and optax have them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from keras_trainkit import optimizers

KERAS: dict[str, Callable[[], Any]] = {
    "adam": keras.optimizers.Adam,
    "nag": partial(keras.optimizers.SGD, 0.01, momentum=0.9, nesterov=True),
}
OURS: dict[str, Callable[[], Any]] = {
    "adam": optimizers.Adam,
    "nag": partial(optimizers.NAG, 0.01, momentum=0.9),
}
# Reads and writes of arrays as large as the weights: gradients, weights and slots, in place.
STREAMS = {"adam": 7, "nag": 5}


def in_torch(rule: str) -> Callable[..., Any]:
    """Return torch.optim's class, to be called with parameters and the kind of loop."""
    import torch

    if rule == "adam":
        return torch.optim.Adam
    return partial(torch.optim.SGD, lr=0.01, momentum=0.9, nesterov=True)


def in_optax(rule: str) -> Any:
    """Return optax's transformation of gradients."""
    import optax

    return optax.adam(1e-3) if rule == "adam" else optax.sgd(0.01, momentum=0.9, nesterov=True)
