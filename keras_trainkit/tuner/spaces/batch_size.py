"""Search space of the batch size."""

from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space


class BatchSize(Space):
    """Samples per step.

    Args:
        size: int >= 1; a range is sampled on a logarithmic scale. `False` leaves the batch size to
            the data or to the arguments of `search`. Defaults to the choice `[32, 64, 128]`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> spaces.BatchSize(64).build(HyperParameters())
        64
    """

    def __init__(self, size: Any = None) -> None:
        self.size = dimension(
            "batch_size",
            size,
            partial(_validation.integer, low=1),
            default=[32, 64, 128],
            off=None,
            log=True,
        )

    def declare(self, hp: HyperParameters) -> int | None:
        """Register the size; return its value."""
        return self.size.declare(hp)

    def build(self, hp: HyperParameters) -> int | None:
        """Return the size, or `None` where it is off."""
        return self.declare(hp)
