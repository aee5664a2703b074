"""The states of other callbacks: what `get_state` returns, or what is known of Keras's own.

A snapshot holds each with the class and the settings of its callback. An edited script gives a
state to the callback that has the same settings, or else to one that means the same.
"""

import contextlib
import inspect
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import keras

from keras_trainkit import _archive as archive
from keras_trainkit._keras_internals import STATE_OF_CALLBACKS
from keras_trainkit.callbacks._training_state import csv_rows
from keras_trainkit.callbacks._training_state.fingerprint import (
    differences,
    edit_in_words,
    shown,
)
from keras_trainkit.callbacks._training_state.setup import PLAIN, described

Callback: TypeAlias = keras.callbacks.Callback
# How a state is read, and how it is set.
Access: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]
Known: TypeAlias = dict[str, tuple[type, ...]]
# Arguments of a callback's constructor: with another value in one of these its state would be that
# of another callback, and in one of those it would be the same.
_MEANING = {
    *("monitor", "mode", "restore", "restore_best_weights", "smoothing"),
    *("statistics", "variables", "name"),
}
_INDIFFERENT = ("verbose", "directory", "log_dir", "filepath", "filename", "probe", "live")
# Arguments that older snapshots do not know, with what the callbacks did then.
_ADDED = {"keras_trainkit.EarlyStopping": {"improvement": "first"}}
_PACKAGES = ("keras", "keras_trainkit")


@dataclass(frozen=True)
class Described:
    """A callback as a script makes it.

    Attributes:
        kind: name of its class, behind that of the package if it is Keras's or ours.
        settings: the plain values among its constructor's arguments, by name; None in a snapshot
            of an older version, which had none.
    """

    kind: str
    settings: dict[str, Any] | None

    @classmethod
    def of(cls, callback: Callback) -> "Described":
        """Describe a callback that has not begun to train."""
        package = type(callback).__module__.partition(".")[0]
        name = type(callback).__name__
        return cls(f"{package}.{name}" if package in _PACKAGES else name, _settings(callback))

    @classmethod
    def stored(cls, kind: str, settings: dict[str, Any] | None) -> "Described":
        """Return the description that a snapshot holds."""
        if settings is None:
            return cls(kind, None)
        known = {name: value for name, value in settings.items() if name not in _INDIFFERENT}
        return cls(kind, {**_ADDED.get(kind, {}), **known})

    def equals(self, stored: "Described") -> bool:
        """Say whether a snapshot's is the same."""
        if stored.settings is None:
            return self.kind.rpartition(".")[2] == stored.kind
        return self == stored

    def means(self, stored: "Described") -> bool:
        """Say whether a snapshot's is the same but for numbers that were edited."""
        mine, theirs = self.settings or {}, stored.settings or {}
        return self.kind == stored.kind and all(mine.get(n) == theirs.get(n) for n in _MEANING)

    def __str__(self) -> str:
        settings = (self.settings or {}).items()
        told = [f"{name}={shown(value)}" for name, value in settings if name in _MEANING]
        return f"{self.kind}({', '.join(told)})"


class CallbackStates:
    """The callbacks of one `fit` that have a state.

    Args:
        callbacks: all of its callbacks in their order, before the first step.
        begun: what `as_begun` returned in an interrupted `fit` with which this one goes on. Some
            of its callbacks may be the same objects, and count in what was an argument.
    """

    def __init__(
        self,
        callbacks: Iterable[Callback],
        begun: Sequence[tuple[weakref.ref, Described]] = (),
    ) -> None:
        def as_made(callback: Callback) -> Described:
            known = (one for reference, one in begun if reference() is callback)
            return next(known, None) or Described.of(callback)

        self._callbacks = [(c, as_made(c)) for c in callbacks if _access(c)]

    def as_begun(self) -> list[tuple[weakref.ref, Described]]:
        """Return the callbacks, which are not kept alive, and what they were at the beginning."""
        return [(weakref.ref(callback), here) for callback, here in self._callbacks]

    def get(self) -> list[dict[str, Any]]:
        """Return the state of each, as nested lists, dicts, numbers and arrays."""
        found = []
        for callback, here in self._callbacks:
            state = _state_of(callback)
            if state is not None and _can_be_saved(callback, state):
                found.append({**vars(here), "state": state})
        return found

    def match(self, stored: Sequence[dict[str, Any]]) -> "Matches":
        """Find out which states of a snapshot are whose."""
        there = [(Described.stored(one["kind"], one["settings"]), one["state"]) for one in stored]
        mine = list(self._callbacks)
        pairs: list[Pair] = []
        for fits in (Described.equals, Described.means):
            for callback, here in list(mine):
                i = next((i for i, one in enumerate(there) if fits(here, one[0])), None)
                if i is not None:
                    pairs.append(Pair(callback, here, *there.pop(i)))
                    mine.remove((callback, here))
        return Matches(pairs, [one for _, one in mine], [one for one, _ in there])


@dataclass(frozen=True)
class Pair:
    """A callback, and the state in a snapshot that is its own."""

    callback: Callback
    here: Described
    there: Described
    state: Any


@dataclass(frozen=True)
class Matches:
    """Which callbacks take which states of a snapshot.

    Attributes:
        pairs: those that take one.
        new: callbacks that take none.
        lost: callbacks of the snapshot whose state nobody takes.
    """

    pairs: list[Pair]
    new: list[Described]
    lost: list[Described]

    def sentences(self) -> list[str]:
        """Return in words how the callbacks differ from those in the snapshot."""
        found = []
        for pair in self.pairs:
            if pair.there.settings is not None:
                name = type(pair.callback).__name__
                for place, theirs, mine in differences("", pair.there.settings, pair.here.settings):
                    found.append(edit_in_words(f"{name}.{place}", theirs, mine))
        for one in self.lost:
            new = [str(other) for other in self.new if other.kind == one.kind]
            anew = f", and {', '.join(new)} begins anew" if new else ""
            found.append(f"nobody takes the state of {one}{anew}")
        return found

    def apply(self) -> None:
        """Give every callback its state; if one cannot take it, all are as they were.

        Raises:
            ValueError: if one cannot.
        """
        with contextlib.ExitStack() as undo:
            for pair in self.pairs:
                before = _state_of(pair.callback)
                if before is not None:
                    undo.callback(_restore, pair.callback, before)
                try:
                    _set_state(pair.callback, pair.state)
                except Exception as error:
                    raise ValueError(
                        f"{type(pair.callback).__name__} cannot take its state from the snapshot: "
                        f"{str(error) or type(error).__name__}"
                    ) from error
            undo.pop_all()


def has_ended_training(callback: Callback) -> bool:
    """Say whether the callback has stopped training for good, as early stopping does."""
    epoch = getattr(callback, "stopped_epoch", 0)
    return (isinstance(epoch, int) and epoch > 0) or getattr(callback, "has_stopped", False) is True


def _settings(callback: Callback) -> dict[str, Any]:
    own = vars(callback)
    names = [name for name in inspect.signature(type(callback)).parameters if name in own]
    values = {name: own[name] for name in names if name not in _INDIFFERENT}
    if isinstance(values.get("min_delta"), (int, float)):
        values["min_delta"] = abs(values["min_delta"])  # Keras gives it a sign while it trains.
    return {name: described(value) for name, value in values.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, PLAIN)


def _can_be_saved(callback: Callback, state: Any) -> bool:
    try:
        archive.check(state)
    except TypeError as error:
        warnings.warn(
            f"TrainingState leaves out the state of {type(callback).__name__}: {error}. "
            "Let its `get_state` return nested lists, dicts, numbers and arrays.",
            stacklevel=2,
        )
        return False
    return True


def _access(callback: Any) -> Access | None:
    """Return the way to the state of a callback, None if it has no state."""
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return callback.get_state, callback.set_state
    if isinstance(callback, keras.callbacks.CSVLogger):
        return partial(csv_rows.written, callback), partial(csv_rows.cut_back, callback)
    kinds = [kind.__name__ for kind in type(callback).__mro__]
    known = next((STATE_OF_CALLBACKS[kind] for kind in kinds if kind in STATE_OF_CALLBACKS), None)
    if known is None:
        return None
    return partial(_attributes, callback, known), partial(_assign, callback, known)


def _attributes(callback: Callback, known: Known) -> dict[str, Any]:
    return {name: vars(callback)[name] for name in known if name in vars(callback)}


def _assign(callback: Callback, known: Known, state: dict[str, Any]) -> None:
    for name, value in state.items():
        if name not in known or not isinstance(value, known[name]):
            raise ValueError(f"{name!r} is {shown(value)} there")
    for name, value in state.items():
        setattr(callback, name, value)


def _state_of(callback: Callback) -> Any:
    """Return None if the callback has no state, or none now."""
    access = _access(callback)
    return access and access[0]()


def _set_state(callback: Callback, state: Any) -> None:
    access = _access(callback)
    if access:
        access[1](state)


def _restore(callback: Callback, state: Any) -> None:
    with contextlib.suppress(Exception):  # What it could not take is what is to be reported.
        _set_state(callback, state)
