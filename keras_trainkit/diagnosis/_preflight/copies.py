"""A built copy of a model that is not built, so that the user's stays as it is."""

from typing import Any

import keras

from keras_trainkit.diagnosis._preflight.traces import symbolic_inputs


def built_copy(model: keras.Model, x: Any) -> keras.Model:
    """Return the model itself if it is built, or a built copy; itself where none can be made.

    The copy is not compiled.

    Args:
        model: a model.
        x: nested arrays, or what has a `shape` that begins with the rows.
    """
    if model.built or x is None:
        return model
    try:
        copy = type(model).from_config(model.get_config())
        copy(symbolic_inputs(x))
    except Exception:  # Whatever a model of the user's raises.
        return model
    return copy if copy.built else model
