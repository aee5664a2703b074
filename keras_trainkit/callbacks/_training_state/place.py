"""Where the trainings of one script have their folders, and which of them this `fit` is."""

import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_trainkit._validation import invalid
from keras_trainkit.callbacks._lock import Lock


@dataclass
class Begun:
    """A `fit` that has not ended by itself, or not yet.

    Attributes:
        model: weak reference to the model that trains.
        setup: what the script gave to it, see `setup_of`.
        callbacks: weak references to its callbacks, and what they were at its beginning.
        left: `changing_settings` of the model when it was interrupted.
    """

    model: weakref.ref
    setup: dict[str, Any]
    callbacks: Sequence[tuple[weakref.ref, Any]]
    left: dict[str, Any] | None = None


@dataclass
class Fits:
    """The `fit`s of this process in one place.

    Attributes:
        count: how many were begun.
        unfinished: those that have not ended by themselves, by their number.
        has_warned: whether it was said that an interrupted one is left alone.
    """

    count: int = 0
    unfinished: dict[int, Begun] = field(default_factory=dict)
    has_warned: bool = False


_fits: dict[str, Fits] = {}


class Place:
    """The folder of a script, or of one trial of KerasTuner in it, while one `fit` runs there.

    Args:
        directory: absolute path of the folder of the script.
        callbacks: the callbacks of the `fit`.

    Raises:
        ValueError: if another `fit` runs there, in this or another process.
    """

    def __init__(self, directory: str, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        path = os.path.join(directory, *_trials(callbacks))
        self._path = path
        self._fits = _fits.setdefault(path, Fits())
        self._number = self._fits.count
        self._lock = Lock(os.path.join(path, "training"))
        if not self._lock.acquire():
            raise invalid(
                "directory",
                f"that of no other running training: {self._lock.holder} uses it now. Each process "
                "needs its own, and so does a `fit` inside of another",
                directory,
            )

    def choose(self, model: keras.Model, adopt: bool) -> str:
        """Return the path of the folder for a `fit` of `model`.

        A `fit` that was interrupted is gone on with by the same model, or, to `adopt` it, by any.
        Every other `fit` has the next folder.
        """
        unfinished = self._fits.unfinished
        own = [number for number, begun in unfinished.items() if begun.model() is model]
        self._number = max(own or (unfinished if adopt else []), default=self._fits.count)
        return self._folder(self._number)

    def interrupted(self, model: keras.Model) -> Begun | None:
        """Return the chosen `fit` as this process has begun it with the same model, or None."""
        begun = self._fits.unfinished.get(self._number)
        return begun if begun and begun.model() is model else None

    def left_alone(self) -> str | None:
        """Return the folder of an interrupted `fit` that this one does not go on with, once."""
        fits = self._fits
        if self._number in fits.unfinished or not fits.unfinished or fits.has_warned:
            return None
        fits.has_warned = True
        return self._folder(max(fits.unfinished))

    def begin(
        self,
        model: keras.Model,
        setup: dict[str, Any],
        callbacks: Sequence[tuple[weakref.ref, Any]],
    ) -> None:
        """Count the `fit`; one that was refused before does not count."""
        self._fits.count = max(self._fits.count, self._number + 1)
        self._fits.unfinished[self._number] = Begun(weakref.ref(model), setup, callbacks)

    def interrupt(self, left: dict[str, Any]) -> None:
        """Note the `changing_settings` of the model at an end by an exception."""
        if self._number in self._fits.unfinished:
            self._fits.unfinished[self._number].left = left

    @property
    def is_first(self) -> bool:
        """Whether it is the first `fit` of the script."""
        return self._number == 0

    def finish(self) -> None:
        """Note the end of the `fit`: the model's next one has another folder."""
        self._fits.unfinished.pop(self._number, None)

    def next_folder(self) -> str | None:
        """Return the path of the folder behind this one, None if there is none."""
        path = self._folder(self._number + 1)
        return path if os.path.isdir(path) else None

    def leave(self) -> None:
        """Let others in; a second time nothing happens."""
        self._lock.release()

    def _folder(self, number: int) -> str:
        return os.path.join(self._path, f"fit-{number:03d}")


def _trials(callbacks: Iterable[keras.callbacks.Callback]) -> list[str]:
    """Return the name of the trial of KerasTuner to which these callbacks belong, if any."""
    tuning = (callback for callback in callbacks if type(callback).__name__ == "TunerCallback")
    trials: list[Any] = [getattr(callback, "trial", None) for callback in tuning]
    return [f"trial-{trial.trial_id}" for trial in trials if trial is not None]
