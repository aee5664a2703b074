"""Search space of batch normalization."""

from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation, layers
from keras_trainkit.tuner.spaces._dimension import dimension
from keras_trainkit.tuner.spaces._space import Space, register_space


@register_space
class BatchNormalization(Space):
    """Batch normalization, or none.

    Args:
        choices: bool. Whether the layer exists. Defaults to the choice `[True, False]`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> type(spaces.BatchNormalization(True).build(HyperParameters())).__name__
        'BatchNormalization'
    """

    def __init__(self, choices: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        # Saved trials know the hyperparameter by this name.
        self.exists = dimension("batch_norm", choices, _validation.boolean, default=[True, False])

    def declare(self, hp: HyperParameters) -> bool:
        """Register the choice; return its value."""
        with self._scope(hp):
            return self.exists.declare(hp)

    def build(self, hp: HyperParameters) -> layers.BatchNormalization | None:
        """Return a new layer, or `None` where it is off."""
        return layers.BatchNormalization() if self.declare(hp) else None


def batch_normalization(
    hp: HyperParameters, *arguments: Any, **options: Any
) -> layers.BatchNormalization | None:
    """Return what `BatchNormalization(*arguments, **options)` builds."""
    return BatchNormalization(*arguments, **options).build(hp)
