"""An optimizer's turn at the start of the next `fit`.

Keras calls an optimizer when `fit` ends (`finalize_variable_values`) and never when the next one
begins, yet `NAG` must leave the look-ahead point at the one and be back there before the other's
first forward pass. This file closes the gap: it finds the model that is calling, and gives it a
`make_train_function` of its own, which every trainer calls before it reads a weight and which
removes itself.
"""

import types
from typing import Any

import keras

from keras_trainkit._call_stack import locals_of_callers
from keras_trainkit._model_optimizers import optimizers_of


def calling_model(optimizer: keras.optimizers.Optimizer) -> keras.Model | None:
    """Return the model that trains with `optimizer` and is at work on the call stack."""
    for variables in locals_of_callers():
        for value in list(variables.values()):
            if isinstance(value, keras.Model) and optimizer in list(optimizers_of(value)):
                return value
    return None


def resume_at_next_fit(optimizer: keras.optimizers.Optimizer) -> keras.Model | None:
    """Have `optimizer.resume()` called when the calling model, which is returned, next trains."""
    model = calling_model(optimizer)
    if model is not None:
        # Past Keras's attribute tracking; a bound method follows a copy of the model.
        model.__dict__["make_train_function"] = types.MethodType(_resume_then_make, model)
    return model


def forget(model: keras.Model | None) -> None:
    """Take back what `resume_at_next_fit` did to the model."""
    if model is not None:
        model.__dict__.pop("make_train_function", None)


def _resume_then_make(model: keras.Model, force: bool = False) -> Any:
    del model.__dict__["make_train_function"]
    for optimizer in optimizers_of(model):
        if hasattr(optimizer, "resume"):
            optimizer.resume()
    return model.make_train_function(force)
