"""The callbacks that run in the same training, which Keras shows to no callback."""

import sys
import types

import keras


def calling_list() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` that is calling a callback now, or None."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList):
            return caller
        frame = frame.f_back
    return None
