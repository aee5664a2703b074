"""A built copy of a model that is not built, so that the user's stays as it is."""

import inspect
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
        copy = _copied(model)
        copy(symbolic_inputs(x))
    except Exception:  # Whatever a model of the user's raises.
        return model
    return copy if copy.built else model


def _copied(model: keras.Model) -> keras.Model:
    """Return a copy by the config, of which many a class of the user's takes its own part alone."""
    config = model.get_config()
    try:
        return type(model).from_config(config)
    except TypeError:
        taken = inspect.signature(type(model).__init__).parameters
        return type(model)(**{name: config[name] for name in config.keys() & taken.keys()})
