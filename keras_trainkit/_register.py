"""The one way in which a class of this package becomes known to Keras's serialization."""

from typing import TypeVar

import keras

PACKAGE = "keras_trainkit"

T = TypeVar("T", bound=type)


def register(cls: T) -> T:
    """Register `cls` as `keras_trainkit>ClassName`, so that no file confuses it with a namesake."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)
