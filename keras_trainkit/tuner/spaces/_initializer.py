"""Search space of a kernel initializer."""

from typing import Any

import keras
from keras_tuner import HyperParameters

from keras_trainkit import initializers
from keras_trainkit.tuner.spaces._dimension import dimension, known_to_keras
from keras_trainkit.tuner.spaces._space import Space, register_space

MATCHED = "matched"


@register_space
class Initializer(Space):
    """Kernel initializer, by default the one that belongs to the activation behind the kernel.

    `"matched"` is `keras_trainkit.initializers.for_activation`: He for the ReLU family, Lecun for
    SELU, Glorot for the others.

    Args:
        choices: str, `"matched"` or the name of an initializer that Keras knows. Defaults to
            `"matched"`, which is no hyperparameter.
        prefix: See `Space`.

    Raises:
        ValueError: if Keras knows no initializer of that name.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> type(spaces.Initializer().build(HyperParameters(), "relu")).__name__
        'HeNormal'
    """

    def __init__(self, choices: Any = None, *, prefix: str = "") -> None:
        super().__init__(prefix)
        self.name = dimension("initializer", choices, known_initializer, default=MATCHED)

    def declare(self, hp: HyperParameters) -> str:
        """Register the name; return its value."""
        with self._scope(hp):
            return self.name.declare(hp)

    def build(self, hp: HyperParameters, activation: str) -> keras.initializers.Initializer:
        """Return a new initializer for a kernel whose output goes through `activation`."""
        name = self.declare(hp)
        if name == MATCHED:
            return initializers.for_activation(activation)
        return keras.initializers.get(name)


def initializer(
    hp: HyperParameters, activation: str, *arguments: Any, **options: Any
) -> keras.initializers.Initializer:
    """Return what `Initializer(*arguments, **options)` builds for an activation."""
    return Initializer(*arguments, **options).build(hp, activation)


def known_initializer(name: str, value: Any) -> str:
    """Return `value` if it names an initializer, or raise."""
    if value == MATCHED:
        return value
    kind = f"{MATCHED!r} or the name of an initializer"
    return known_to_keras(name, value, keras.initializers.get, kind)
