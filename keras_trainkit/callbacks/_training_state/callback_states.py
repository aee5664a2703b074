"""The states of other callbacks: what `get_state` returns, or what is known of Keras's own."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from keras_trainkit import _archive as archive
from keras_trainkit._keras_internals import STATE_OF_CALLBACKS


def callback_states(callbacks: Iterable[keras.callbacks.Callback]) -> dict[str, Any]:
    """Return the state of every callback that has one, by class and place among its like."""
    states = {}
    for name, callback in _named(callbacks):
        state = _state_of(callback)
        if state is not None:
            try:
                archive.check(state)
            except TypeError as error:
                warnings.warn(
                    f"TrainingState leaves out the state of {type(callback).__name__}: {error}. "
                    "Let its `get_state` return nested lists, dicts, numbers and arrays.",
                    stacklevel=2,
                )
            else:
                states[name] = state
    return states


def set_callback_states(
    callbacks: Iterable[keras.callbacks.Callback], states: dict[str, Any]
) -> None:
    """Give every callback that is found again its state."""
    for name, callback in _named(callbacks):
        if name not in states:
            continue
        if _has_own_state(callback):
            callback.set_state(states[name])
        else:
            for attribute, value in states[name].items():
                setattr(callback, attribute, value)


def has_ended_training(callback: keras.callbacks.Callback) -> bool:
    """Say whether the callback has stopped training for good, as early stopping does."""
    return getattr(callback, "stopped_epoch", 0) > 0 or getattr(callback, "has_stopped", False)


def _has_own_state(callback: Any) -> bool:
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def _state_of(callback: Any) -> Any:
    """Return None if the callback has no state."""
    if _has_own_state(callback):
        return callback.get_state()
    kinds = [kind.__name__ for kind in type(callback).__mro__]
    known = next((STATE_OF_CALLBACKS[kind] for kind in kinds if kind in STATE_OF_CALLBACKS), None)
    return known and {name: vars(callback)[name] for name in known if name in vars(callback)}


def _named(
    callbacks: Iterable[keras.callbacks.Callback],
) -> Iterator[tuple[str, keras.callbacks.Callback]]:
    seen: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        yield f"{kind}/{seen[kind]}", callback
        seen[kind] += 1
