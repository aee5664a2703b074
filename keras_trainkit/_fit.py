"""What Keras reports to no callback: the arguments of `fit`, and that it raised.

An exception leaves `fit` from a step, the data, a validation or another callback, and Ctrl-C from
between any two lines; on JAX, `fit` then still writes its last state into the model. One place
comes after all of that: around `fit`. So `guard_fit` wraps `keras.Model.fit`, once per process.
The wrapper passes everything through, and runs what a callback of that very `fit` asked for.
"""

import contextlib
import contextvars
import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_trainkit._keras_internals import optimizers_of


def calling_list() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` that is calling a callback now, or None."""
    callers = (variables.get("self") for variables in locals_of_callers())
    lists = (caller for caller in callers if isinstance(caller, keras.callbacks.CallbackList))
    return next(lists, None)


def locals_of_callers() -> Iterator[dict[str, Any]]:
    """Yield the local variables of the functions that are at work, the innermost first."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_locals
        frame = frame.f_back


class Fit:
    """One running `fit`.

    Args:
        model: the model that trains.
        arguments: dict. What `fit` was called with.
    """

    def __init__(self, model: keras.Model, arguments: dict[str, Any]) -> None:
        self.model = model
        self.arguments = arguments
        self.when_it_raises = contextlib.ExitStack()


_running: contextvars.ContextVar[Fit | None] = contextvars.ContextVar("running", default=None)


def guard_fit() -> None:
    """Let every `fit` that starts from now on serve `running_fit`."""
    if not hasattr(keras.Model.fit, "serves_running_fit"):
        keras.Model.fit = _guarded(keras.Model.fit)


def running_fit(model: keras.Model) -> Fit | None:
    """Return the `fit` of `model` that is running now, None in a loop of the user's own."""
    running = _running.get()
    return running if running is not None and running.model is model else None


def when_fit_fails(model: keras.Model, action: Callable[[], None]) -> None:
    """Call `action` if the running `fit` of `model` ends by an exception."""
    running = running_fit(model)
    if running is not None:
        running.when_it_raises.callback(action)


def _guarded(fit: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(fit)

    @functools.wraps(fit)
    def guarded(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        running = Fit(model, _bound(signature, model, *args, **kwargs))
        token = _running.set(running)
        try:
            return fit(model, *args, **kwargs)
        except BaseException:
            running.when_it_raises.close()
            raise
        finally:
            _running.reset(token)

    guarded.serves_running_fit = True  # type: ignore[attr-defined]
    return guarded


def _bound(signature: inspect.Signature, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments by name; wrong ones are for `fit` itself to refuse."""
    with contextlib.suppress(TypeError):
        return signature.bind(*args, **kwargs).arguments
    return {}


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
