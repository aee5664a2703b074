"""The learning rate that a range test suggests, and why."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_trainkit.callbacks.find_learning_rate import LearningRateRange

# Chosen in benchmarks/find_learning_rate.py: from a fourth to a tenth makes no difference there.
DIVISOR = 5
# A smoothed curve of noise alone falls deeper than so many standard deviations once in fifty times.
LEAST_FALL = 1.5
# A curve whose lowest point is one of the first so many rises from the beginning.
BEGINNING = 5


def suggest(found: "LearningRateRange") -> tuple[float, str]:
    """Return the learning rate, NaN if there is none, and the reason in plain words."""
    fall, noise = fall_and_noise(found.losses, found.smoothed)
    if fall <= LEAST_FALL * noise:
        return math.nan, _never_fell(found, fall, noise)
    suggestion = found.minimum / DIVISOR
    reason = (
        f"Suggestion {suggestion:.3g}: a fifth of {found.minimum:.3g}, where the smoothed loss is "
        f"lowest ({found.smoothed.min():.3g}, from {found.smoothed[0]:.3g} at the beginning)."
    )
    return suggestion, reason + _not_risen(found, fall)


def fall_and_noise(losses: np.ndarray, smoothed: np.ndarray) -> tuple[float, float]:
    """Return how deep the smoothed curve falls, and the standard deviation of a loss about it.

    The latter is robust: from the differences of neighbours, up to the lowest point.
    """
    lowest = int(np.argmin(smoothed))
    differences = np.abs(np.diff(losses[: max(lowest, 2) + 1]))
    # Of two draws from a normal distribution, the median of |a - b| is 0.954 deviations.
    noise = float(np.median(differences)) / 0.954 if len(differences) else 0.0
    rounding = 1e-6 * abs(float(smoothed[0]))  # Losses are float32.
    return float(smoothed[0] - smoothed[lowest]), max(noise, rounding)


def _never_fell(found: "LearningRateRange", fall: float, noise: float) -> str:
    lowest, highest = found.learning_rates[[0, -1]]
    return (
        f"No suggestion: between {lowest:.3g} and {highest:.3g} the smoothed loss never fell by "
        f"more than {LEAST_FALL} times what single losses scatter ({fall:.3g}, and they scatter "
        f"by {noise:.3g}). {_remedy(found)}"
    )


def _remedy(found: "LearningRateRange") -> str:
    if found.ending == "end":
        return "Raise `max_learning_rate`, or raise `steps` or `batch_size`."
    if np.argmin(found.smoothed) < BEGINNING:
        return "Lower `min_learning_rate`, or raise `steps` or `batch_size`."
    return "Raise `batch_size` or `steps`."


def _not_risen(found: "LearningRateRange", fall: float) -> str:
    """Say that the interval ends too early, if it does."""
    risen = found.smoothed[-1] - found.smoothed.min()
    if found.ending != "end" or risen > fall / 2:
        return ""
    return (
        f" The loss had not risen again at {found.learning_rates[-1]:.3g}, the end: raise "
        "`max_learning_rate` to see whether more is better."
    )
