"""The one way in which a class of this package becomes known to Keras's serialization."""

from typing import TypeVar

import keras

PACKAGE = "keras_trainkit"

T = TypeVar("T", bound=type)


def register(cls: T, package: str = PACKAGE) -> T:
    """Register `cls` as `keras_trainkit>ClassName`, the name by which files hold it.

    Under its bare name a file's `Adam` or `Dropout` would be read as Keras's own.
    """
    return keras.saving.register_keras_serializable(package=package)(cls)
