"""The callbacks that run in the same training, which Keras shows to no callback."""

import keras

from keras_trainkit._call_stack import locals_of_callers


def calling_list() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` that is calling a callback now, or None."""
    callers = (variables.get("self") for variables in locals_of_callers())
    lists = (caller for caller in callers if isinstance(caller, keras.callbacks.CallbackList))
    return next(lists, None)
