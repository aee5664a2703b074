"""What TrainingState says of a training that goes on, or that does not."""

import warnings
from collections.abc import Sequence
from typing import Any

from keras_trainkit.callbacks._training_state.snapshot import Snapshot


class NotOfThisError(ValueError):
    """A snapshot is one of something else."""


def refusal(directory: str, whose: str, difference: str) -> NotOfThisError:
    """Return the error for a snapshot of something else."""
    return NotOfThisError(
        f"`directory` must hold snapshots of {whose}, or nothing: {difference}. "
        f"Received: directory={directory!r}"
    )


def tell_of_edits(
    changed: str, directory: str, path: str, sentences: Sequence[str], has_ended: bool
) -> None:
    """Warn of what was edited since the file at `path` was written, or raise a ValueError.

    Args:
        changed: argument of TrainingState.
        directory: the same.
        path: path of the snapshot.
        sentences: each edit in words.
        has_ended: whether nothing would be trained.
    """
    if not sentences or changed == "script":
        return
    edited = f"since {path} was written, {'; '.join(sentences)}"
    if changed == "error" or has_ended:
        ended = ". That training has ended, and nothing would be trained" if has_ended else ""
        raise refusal(directory, "this script", f'{edited}{ended}. Or pass `changed="script"`')
    _warn(
        f"the script was edited: {edited}. What it says now counts from here on, and an epoch that "
        "was begun with other steps is trained from its beginning."
    )


def warn_of_another(folder: str | None, here: str) -> None:
    """Say that an interrupted training in a folder, if there is one, is left alone."""
    if folder is not None:
        _warn(
            f"the training in {folder} was interrupted, and was one of another model. This one has "
            f"{here}. To go on with the other, fit the same model object, or pass `adopt=True`."
        )


def tell_of_end(
    folder: str,
    snapshot: Snapshot,
    epochs: Any,
    following: str | None,
    is_first: bool,
    verbose: bool,
) -> None:
    """Say that a training has ended.

    Args:
        folder: where its snapshots are.
        snapshot: the last of them.
        epochs: how many are asked for.
        following: folder of the next `fit` of the script, None if it has not begun: then nothing
            is trained where something may have been expected, which is a warning.
        is_first: whether this is the first `fit` of the script.
        verbose: whether what is no warning is printed.
    """
    begun = f" and step {snapshot.batch} of the next" if snapshot.batch else ""
    is_longer = [snapshot.epoch, begun] > [epochs, ""]
    fewer = f", of {epochs} that are asked for" if is_longer else ""
    ended = f"the training in {folder} has ended after epoch {snapshot.epoch}{begun}{fewer}."
    if following and not is_longer:
        if verbose:
            _print(f"{ended} Its end is restored, and the next `fit` goes on with {following}.")
        return
    anew = "Delete the folder to train anew." if is_first else "A `fit` behind it trains."
    again = f" The next `fit` goes on with {following}." if following else ""
    _warn(f"{ended} Its end is restored, and nothing is trained. {anew}{again}")


def warn_of_order() -> None:
    """Say that Keras gives the data in an order of its own."""
    _warn(
        "the batches of `x` come in another order than without the interruption: with `workers` "
        "and more batches than `max_queue_size`, Keras begins each epoch with what the last one "
        "has left in the queue. A larger `max_queue_size`, or `workers=1`, gives one order."
    )


def warn_of_loop(snapshot: Snapshot) -> None:
    """Say where a loop of the user's own has to begin."""
    _warn(
        f"begin this loop with step {snapshot.batch + 1} of epoch {snapshot.epoch + 1}, to which "
        "everything is put back. Only `fit` does so by itself."
    )


def warn_of_newcomers(folder: str, sentences: Sequence[str]) -> None:
    """Say, before anything is lost, that a new process will not be able to go on."""
    if sentences:
        _warn(f"a new process cannot go on from the snapshots in {folder}: {'; '.join(sentences)}.")


def warn_of_draws() -> None:
    """Say that a training does not go on bit for bit."""
    _warn(
        "the training step draws by `tf.random`, whose streams nobody can read. They begin anew: "
        "training goes on with other draws than without the interruption. What "
        "`keras.random` draws with a `SeedGenerator` goes on as it was."
    )


def print_place(folder: str, snapshot: Snapshot, epochs: Any) -> None:
    """Say where training goes on."""
    step = f"step {snapshot.batch + 1} of " if snapshot.batch else ""
    _print(f"going on at {step}epoch {snapshot.epoch + 1} of {epochs} from {folder}.")


def _print(message: str) -> None:
    print(f"TrainingState: {message}")


def _warn(message: str) -> None:
    warnings.warn(f"TrainingState: {message}", stacklevel=2)
