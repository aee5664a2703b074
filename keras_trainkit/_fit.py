"""When `fit` begins, ends and fails, and with whom: what Keras reports to no callback.

Three public methods of Keras are wrapped once per process, when this file is imported. Each wrapper
passes everything through, and what it notes lasts for that one call:

    `Model.fit`                     the model, the arguments, and what is to be done if it raises
    `Model.make_train_function`     the optimizers that must resume before a weight is read, and
                                    the layers that learn from the data how it is scaled
    `CallbackList.on_train_begin`   the list that is calling, which no callback is shown

They stand there from the import on, and not from when a callback is made, because Python evaluates
`model.fit` before the callbacks that are written inside of the call. What it evaluates to may even
be older than this import, which is the first where callbacks are unpickled in the call. So `fit` is
wrapped in place, inside of the function that Keras has put around it.
"""

import contextlib
import contextvars
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_trainkit._interruption import uninterrupted
from keras_trainkit._keras_internals import end_jax_state, layers_of, optimizers_of

_WRAPPED = "wrapped_by_keras_trainkit"


class Fit:
    """One running `fit`.

    Args:
        model: the model that trains.
        arguments: dict. What `fit` was called with.

    Attributes:
        is_over: bool. Whether it has ended or raised.
    """

    def __init__(self, model: keras.Model, arguments: dict[str, Any]) -> None:
        self.model = model
        self.arguments = arguments
        self.when_it_raises = contextlib.ExitStack()
        self.at_last = contextlib.ExitStack()
        self.is_over = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        """End it; if it raises, do what is then to be done, the latest first.

        A second time there is nothing left of that.
        """
        try:
            if kind is not None:
                with uninterrupted(), self.at_last:
                    self.when_it_raises.callback(end_jax_state, self.model)
                    self.when_it_raises.close()
        finally:
            self.is_over = True


_running: contextvars.ContextVar[Fit | None] = contextvars.ContextVar("running", default=None)
_calling: contextvars.ContextVar[Any] = contextvars.ContextVar("calling", default=None)


def running_fit(model: keras.Model) -> Fit | None:
    """Return the `fit` of `model` that is running now, None in a loop of the user's own."""
    running = _running.get()
    return running if running is not None and running.model is model else None


def when_fit_fails(model: keras.Model, action: Callable[[], None], last: bool = False) -> None:
    """Call `action` if the running `fit` of `model` ends by an exception; `last`: after the others.

    That may come from a step, the data, a validation or another callback, and Ctrl-C between any
    two lines; on JAX `fit` then still writes its last state into the model. Around `fit` is the one
    place that comes after all of that.
    """
    running = running_fit(model)
    if running is not None:
        (running.at_last if last else running.when_it_raises).callback(action)


def calling_list() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` whose `on_train_begin` is calling, or None outside of one."""
    return _calling.get()


def _fit(fit: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(fit)

    def wrapped(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        running = Fit(model, _bound(signature, model, *args, **kwargs))
        # A second Ctrl-C may come before the first exit holds it back, and a third as soon.
        with _set(_running, running), running, running, running:
            return fit(model, *args, **kwargs)

    return wrapped


def _make_train_function(make_train_function: Callable[..., Any]) -> Callable[..., Any]:
    """Have the optimizers resume when a training begins, and layers see the data of a `fit`.

    Keras calls an optimizer when a training ends (`finalize_variable_values`), and never when one
    begins. Every trainer makes its train function behind the checks of its arguments and before it
    reads a weight: a call that is refused leaves the model as it is.
    """

    def wrapped(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        for optimizer in optimizers_of(model):
            # Not `resume`, by which somebody else's optimizer may mean something else.
            getattr(optimizer, "_resume_for_training", lambda: None)()
        running = running_fit(model)
        if running is not None:
            adapt_layers(model, running.arguments)
        return make_train_function(model, *args, **kwargs)

    return wrapped


def adapt_layers(model: keras.Model, arguments: dict[str, Any]) -> None:
    """Have the layers that learn from the data of a `fit` do so, from its arguments by name."""
    for layer in layers_of(model):
        getattr(layer, "_adapt_for_training", lambda arguments: None)(arguments)


def rows_that_train(rows: int, validation_split: float) -> int:
    """Return how many of the rows train, the first ones, as Keras splits them."""
    return math.floor(rows * (1.0 - validation_split))


def _on_train_begin(on_train_begin: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(callbacks: keras.callbacks.CallbackList, *args: Any, **kwargs: Any) -> Any:
        with _set(_calling, callbacks):
            return on_train_begin(callbacks, *args, **kwargs)

    return wrapped


@contextlib.contextmanager
def _set(variable: contextvars.ContextVar, value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _bound(signature: inspect.Signature, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments by name; wrong ones are for `fit` itself to refuse."""
    with contextlib.suppress(TypeError):
        return signature.bind(*args, **kwargs).arguments
    return {}


def _wrap(owner: type, name: str, wrapper: Callable[[Callable[..., Any]], Any]) -> None:
    method = getattr(owner, name)
    if not hasattr(method, _WRAPPED):
        wrapped = functools.wraps(method)(wrapper(method))
        setattr(wrapped, _WRAPPED, True)
        setattr(owner, name, wrapped)


def _wrap_in_place(owner: type, name: str, wrapper: Callable[[Callable[..., Any]], Any]) -> None:
    """Wrap a method also for those who hold it already, if a decorator is around it."""
    method = getattr(owner, name)
    if hasattr(method, _WRAPPED):
        return
    cell = _cell_of_innermost(method)
    if cell is None:
        return _wrap(owner, name, wrapper)
    inner = cell.cell_contents
    cell.cell_contents = functools.wraps(inner)(wrapper(inner))
    setattr(method, _WRAPPED, True)


def _cell_of_innermost(method: Any) -> Any:
    """Return the cell in which the innermost decorator of a method holds what it decorates."""
    found = None
    while (inner := getattr(method, "__wrapped__", None)) is not None:
        cells = [cell for cell in method.__closure__ or () if cell.cell_contents is inner]
        found, method = cells[0] if cells else None, inner
    return found


_wrap_in_place(keras.Model, "fit", _fit)
_wrap(keras.Model, "make_train_function", _make_train_function)
_wrap(keras.callbacks.CallbackList, "on_train_begin", _on_train_begin)
