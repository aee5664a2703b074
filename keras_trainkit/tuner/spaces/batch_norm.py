"""Search space of batch normalization."""

from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation, layers
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space


class BatchNorm(Space):
    """Batch normalization, or none.

    Args:
        include: bool. Whether the layer exists. Defaults to the choice `[True, False]`.

    Raises:
        ValueError: if `include` is not a bool or a list of them.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> type(spaces.BatchNorm(True).build(HyperParameters())).__name__
        'BatchNormalization'
    """

    def __init__(self, include: Any = None) -> None:
        """Check the argument."""
        self.include = dimension("batch_norm", include, _validation.boolean, default=[True, False])

    def declare(self, hp: HyperParameters) -> bool:
        """Register the choice; return its value."""
        return self.include.declare(hp)

    def build(self, hp: HyperParameters) -> layers.BatchNormalization | None:
        """Return a new layer, or `None` where it is off."""
        return layers.BatchNormalization() if self.declare(hp) else None
