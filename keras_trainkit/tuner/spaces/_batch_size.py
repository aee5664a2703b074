"""Search space of the batch size."""

from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import DATA, dimension
from keras_trainkit.tuner.spaces._space import Space, register_space


@register_space
class BatchSize(Space):
    """Samples per step.

    Args:
        size: int >= 1; a range is sampled on a logarithmic scale. `False` leaves the batch size to
            the data or to the arguments of `search`. Defaults to the choice `[32, 64, 128]`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.BatchSize(64).build(HyperParameters())
        64
    """

    def __init__(self, size: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        self.size = dimension(
            "batch_size",
            size,
            partial(_validation.integer, low=1),
            default=[32, 64, 128],
            kind=DATA,
            off=None,
            log=True,
        )

    def declare(self, hp: HyperParameters) -> int | None:
        """Register the size; return its value."""
        with self._scope(hp):
            return self.size.declare(hp)

    def build(self, hp: HyperParameters) -> int | None:
        """Return the size, or `None` where it is off."""
        return self.declare(hp)


def batch_size(hp: HyperParameters, *arguments: Any, **options: Any) -> int | None:
    """Return what `BatchSize(*arguments, **options)` builds."""
    return BatchSize(*arguments, **options).build(hp)
