"""Files of weights: one per trial, and only of the best trials."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterable

import keras
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_trainkit.tuner._oracle import files

NAME = "checkpoint.weights.h5"

# From the number of a trial, the path of its file.
Place = Callable[[str], str]


def content_of(model: keras.Model) -> bytes:
    """Return what `save_weights` would write."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, NAME)
        model.save_weights(path)
        return path.read_bytes()


def write_if_among_best(
    trial: Trial, content: bytes, best: Iterable[Trial], keep: int | None, place: Place
) -> None:
    """Write the file of a trial that is about to end, unless as many others are better.

    Args:
        trial: the trial.
        content: of the file.
        best: all trials that have finished and this one, the best first.
        keep: how many have a file, `None` for all.
        place: where it is.
    """
    if keep is None or trial in list(best)[:keep]:
        files.write_bytes(place(trial.trial_id), content)


def remove_others(
    trials: Iterable[Trial], best: Iterable[Trial], keep: int | None, place: Place
) -> None:
    """Remove the files of trials that have ended and are not among the best."""
    kept = {trial.trial_id for trial in list(best)[:keep]}
    for trial in trials:
        if trial.status != TrialStatus.RUNNING and trial.trial_id not in kept:
            with contextlib.suppress(FileNotFoundError):
                os.remove(place(trial.trial_id))
