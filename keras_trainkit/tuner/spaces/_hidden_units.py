"""Search space of an MLP's depth and widths."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space, register_space

LAYER = "layer_{}"
CONSTANT = "constant"
SHAPES: dict[str, Callable[[int, int, int], float]] = {
    CONSTANT: lambda width, i, layers: width,
    "halving": lambda width, i, layers: width / 2**i,
    "linear": lambda width, i, layers: width * (layers - i) / layers,
}


@register_space
class HiddenUnits(Space):
    """Units of each hidden layer, from one depth, one width and one rule for the others.

        constant   width, width, width, ...
        halving    width, width / 2, width / 4, ...
        linear     width (L - i) / L for layer i = 0 ... L - 1 of L

    Three hyperparameters (`hidden_layers`, `width`, and, if there is more than one layer, `shape`)
    instead of one width per layer keep the search small. Units are rounded up. With `per_layer`
    each layer has a width by itself (`layer_1/width`, `layer_2/width`, ...), which is searched only
    where that layer exists; `each` does the same for any other space.

    Args:
        hidden_layers: int >= 1. Number of hidden layers. Defaults to the range `(1, 3)`.
        width: int >= 1. Units of the first hidden layer; a range is sampled on a logarithmic
            scale. Defaults to the range `(32, 256)`.
        shape: str, a name from the list above. Defaults to all of them. `None` with `per_layer`.
        per_layer: bool. Whether `width` is for each layer by itself. Defaults to `False`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.HiddenUnits(hidden_layers=3, width=100, shape="halving").build(HyperParameters())
        [100, 50, 25]
    """

    def __init__(
        self,
        hidden_layers: Any = None,
        width: Any = None,
        shape: Any = None,
        *,
        per_layer: bool = False,
        prefix: str = "",
    ) -> None:
        super().__init__(prefix)
        one_or_more = partial(_validation.integer, low=1)
        self.hidden_layers = dimension("hidden_layers", hidden_layers, one_or_more, default=(1, 3))
        self.per_layer = _validation.boolean("per_layer", per_layer)
        if self.per_layer and shape is not None:
            raise _validation.invalid("shape", "None with `per_layer`", shape)
        self.widths = {
            name: dimension(name, width, one_or_more, default=(32, 256), log=True)
            for name in self._width_names()
        }
        one_shape = partial(_validation.one_of, choices=SHAPES)
        default = CONSTANT if self.per_layer else tuple(SHAPES)
        self.shape = dimension("shape", shape, one_shape, default=default)

    def declare(self, hp: HyperParameters) -> tuple[int, list[int], str | None]:
        """Register depth, widths and shape; return their values."""
        with self._scope(hp):
            depths = self.hidden_layers.values
            layers = self.hidden_layers.declare(hp)
            widths = [
                width.declare_when(hp, self.hidden_layers, [depth for depth in depths if depth > i])
                for i, width in enumerate(self.widths.values())
            ]
            several = [depth for depth in depths if depth > 1]
            return layers, widths, self.shape.declare_when(hp, self.hidden_layers, several)

    def build(self, hp: HyperParameters) -> list[int]:
        """Return the units of each hidden layer."""
        layers, widths, shape = self.declare(hp)
        rule = SHAPES[shape or CONSTANT]
        own = widths if self.per_layer else widths * layers
        return [math.ceil(rule(own[i], i, layers)) for i in range(layers)]

    def each(self, hp: HyperParameters, space: Space, *context: Any) -> list[Any]:
        """Return what `space` builds for each hidden layer, with hyperparameters of its own.

        Args:
            hp: `keras_tuner.HyperParameters`.
            space: A space. Its hyperparameters are called `layer_1/...`, `layer_2/...`, and are
                searched only where that layer exists.
            *context: Further arguments of `space.build`.
        """
        with self._scope(hp):
            layers = self.hidden_layers.declare(hp)
            return [
                part
                for i in range(max(self.hidden_layers.values))
                for part in self._in_layer(hp, i, layers, space, context)
            ]

    def _in_layer(
        self, hp: HyperParameters, i: int, layers: int, space: Space, context: tuple[Any, ...]
    ) -> list[Any]:
        """Return the part of layer i, if there is one; declare it whether there is or not."""
        depths = [depth for depth in self.hidden_layers.values if depth > i]
        with self.hidden_layers.scope(hp, depths), hp.name_scope(LAYER.format(i + 1)):
            space.declare(hp)
            return [space.build(hp, *context)] if i < layers else []

    def _width_names(self) -> list[str]:
        layers = range(1, max(self.hidden_layers.values) + 1)
        return [f"{LAYER.format(i)}/width" for i in layers] if self.per_layer else ["width"]


def hidden_units(hp: HyperParameters, *arguments: Any, **options: Any) -> list[int]:
    """Return what `HiddenUnits(*arguments, **options)` builds."""
    return HiddenUnits(*arguments, **options).build(hp)
