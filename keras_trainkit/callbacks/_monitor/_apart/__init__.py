"""A pass through a model that is no part of the training around it."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

import keras


def apart() -> AbstractContextManager[None]:
    """Record nothing for gradients, and leave the backend's global random generator as it is.

    TensorFlow and JAX need nothing: Keras draws from the seeds of its own variables.
    """
    if keras.backend.backend() != "torch":
        return nullcontext()
    return import_module(f"{__name__}._torch").apart()
