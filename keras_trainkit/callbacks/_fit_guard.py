"""What is to happen when `fit` raises, a moment that Keras reports to no callback.

An exception leaves `fit` from a step, the data, a validation or another callback, and Ctrl-C from
between any two lines; on JAX, `fit` then still writes its last state into the model. One place
comes after all of that: around `fit`. So `guard_fit` wraps `keras.Model.fit`, once per process.
The wrapper passes everything through, and runs what a callback of that very `fit` asked for.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable
from typing import Any

import keras

_running: contextvars.ContextVar[tuple[keras.Model, contextlib.ExitStack] | None]
_running = contextvars.ContextVar("running", default=None)


def guard_fit() -> None:
    """Let every `fit` that starts from now on serve `when_fit_fails`."""
    if not hasattr(keras.Model.fit, "serves_when_fit_fails"):
        keras.Model.fit = _guarded(keras.Model.fit)


def when_fit_fails(model: keras.Model, action: Callable[[], None]) -> None:
    """Call `action` if the `fit` of `model` that is running now ends by an exception."""
    running = _running.get()
    if running is not None and running[0] is model:
        running[1].callback(action)


def _guarded(fit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fit)
    def guarded(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        actions = contextlib.ExitStack()
        token = _running.set((model, actions))
        try:
            return fit(model, *args, **kwargs)
        except BaseException:
            actions.close()
            raise
        finally:
            _running.reset(token)

    guarded.serves_when_fit_fails = True  # type: ignore[attr-defined]
    return guarded
