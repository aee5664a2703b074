"""Search space of an MLP's depth and widths."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space

SHAPES: dict[str, Callable[[int, int, int], float]] = {
    "constant": lambda width, i, layers: width,
    "halving": lambda width, i, layers: width / 2**i,
    "linear": lambda width, i, layers: width * (layers - i) / layers,
}


class HiddenUnits(Space):
    """Units of each hidden layer, from one depth, one width and one rule for the others.

        constant   width, width, width, ...
        halving    width, width / 2, width / 4, ...
        linear     width (L - i) / L for layer i = 0 ... L - 1 of L

    Three hyperparameters (`hidden_layers`, `width`, and, if there is more than one layer, `shape`)
    instead of one width per layer keep the search small. Units are rounded up.

    Args:
        hidden_layers: int >= 1. Number of hidden layers. Defaults to the range `(1, 3)`.
        width: int >= 1. Units of the first hidden layer; a range is sampled on a logarithmic
            scale. Defaults to the range `(32, 256)`.
        shape: str, a name from the list above. Defaults to all of them.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.HiddenUnits(hidden_layers=3, width=100, shape="halving").build(HyperParameters())
        [100, 50, 25]
    """

    def __init__(self, hidden_layers: Any = None, width: Any = None, shape: Any = None) -> None:
        one_or_more = partial(_validation.integer, low=1)
        one_shape = partial(_validation.one_of, choices=SHAPES)
        self.hidden_layers = dimension("hidden_layers", hidden_layers, one_or_more, default=(1, 3))
        self.width = dimension("width", width, one_or_more, default=(32, 256), log=True)
        self.shape = dimension("shape", shape, one_shape, default=tuple(SHAPES))

    def declare(self, hp: HyperParameters) -> tuple[int, int, str | None]:
        """Register depth, width and shape; return their values."""
        several = [layers for layers in self.hidden_layers.values if layers > 1]
        return (
            self.hidden_layers.declare(hp),
            self.width.declare(hp),
            self.shape.declare_when(hp, self.hidden_layers, several),
        )

    def build(self, hp: HyperParameters) -> list[int]:
        """Return the units of each hidden layer."""
        layers, width, shape = self.declare(hp)
        rule = SHAPES[shape or "constant"]
        return [math.ceil(rule(width, i, layers)) for i in range(layers)]
