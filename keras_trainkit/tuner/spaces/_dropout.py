"""Search space of dropout."""

from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation, layers
from keras_trainkit.tuner.spaces._dimension import RUNTIME, dimension
from keras_trainkit.tuner.spaces._space import Space, register_space


@register_space
class Dropout(Space):
    """Dropout of one rate. A rate of 0 keeps the layer, so that the rate alone tells trials apart.

    `HiddenUnits.each` makes one for each hidden layer, with a rate of its own.

    Args:
        rate: float in [0, 1), or `False` for no layer. Defaults to the choice
            `[0.0, 0.1, 0.2, 0.3, 0.4, 0.5]`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.Dropout(0.3).build(HyperParameters()).rate
        0.3
    """

    def __init__(self, rate: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        self.rate = dimension(
            "dropout",
            rate,
            partial(_validation.real, low=0.0, high=1.0, high_open=True),
            default=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
            kind=RUNTIME,
            off=None,
        )

    def declare(self, hp: HyperParameters) -> float | None:
        """Register the rate; return its value."""
        with self._scope(hp):
            return self.rate.declare(hp)

    def build(self, hp: HyperParameters) -> layers.Dropout | None:
        """Return a new layer, or `None` where it is off."""
        rate = self.declare(hp)
        return None if rate is None else layers.Dropout(rate)


def dropout(hp: HyperParameters, *arguments: Any, **options: Any) -> layers.Dropout | None:
    """Return what `Dropout(*arguments, **options)` builds."""
    return Dropout(*arguments, **options).build(hp)
