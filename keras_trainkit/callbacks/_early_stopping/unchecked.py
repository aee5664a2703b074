"""Why a training ended without a check."""

from collections.abc import Sequence

from keras_trainkit._fit import Fit


def why_unchecked(
    monitors: Sequence[str],
    every: int | None,
    start_from_epoch: int,
    fit: Fit,
    *,
    logged: bool,
    epochs: int,
) -> str:
    """Return a sentence on a training that has ended.

    Args:
        monitors: names of the metrics.
        every: steps between two checks, or None.
        start_from_epoch: first epoch that is checked.
        fit: `Fit`. What trained.
        logged: bool. Whether the metrics were among what it logged.
        epochs: how many epochs there were.
    """
    if logged:
        return f"It ended before start_from_epoch={start_from_epoch}."
    if every:
        return f"It ended before every={every} steps."
    validation_freq = fit.arguments.get("validation_freq", 1)
    known = "" if validation_freq == 1 else f", with validation_freq={validation_freq}"
    return f"None of its epochs ({epochs}) logged {' and '.join(monitors)}{known}."
