"""A built copy of a model that is not built, so that the user's stays as it is."""

import inspect
import warnings
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
        with warnings.catch_warnings(action="ignore"):  # The training will say them.
            copy = copied(model)
            copy(symbolic_inputs(x))
    except Exception:  # Whatever a model of the user's raises.
        return model
    return copy if copy.built else model


def copied(model: keras.Model) -> keras.Model:
    """Return a copy by the config; raise if the config may not say what the model was made with.

    That of a class without a `get_config` of its own has the defaults in place of the arguments.
    """
    kind = type(model)
    if kind.__init__.__module__.startswith("keras."):
        if isinstance(model, keras.Sequential):  # Also of layers that nobody has registered.
            return keras.models.clone_model(model)
        return kind.from_config(model.get_config())
    taken = inspect.signature(kind.__init__).parameters.values()
    given = {one.name for one in taken if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)}
    if not kind.get_config.__module__.startswith("keras."):
        return kind.from_config(model.get_config())
    if given - {"self", "name", "trainable", "dtype"}:
        raise ValueError(f"what this {kind.__name__} was made with is not known")
    return kind(**({"name": model.name} if "name" in given else {}))
