"""The loss over the logarithm of the learning rate: smoothing, rules that pick points, advice."""

import math
from dataclasses import dataclass

import numpy as np

# Chosen in benchmarks/find_learning_rate.py: from a fourth to a tenth makes no difference there.
DIVISOR = 5
# A smoothed curve of noise alone falls deeper than so many standard deviations once in fifty times.
LEAST_FALL = 1.5
# A curve whose lowest point is one of the first so many rises from the beginning.
BEGINNING = 5


@dataclass(frozen=True, eq=False)
class Curve:
    """Losses over learning rates, as `LearningRateRange` describes them."""

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    ending: str


def smooth(learning_rates: np.ndarray, losses: np.ndarray, width: float) -> np.ndarray:
    """Return the means of the losses under a Gaussian over log10 of the learning rate.

    The kernel is symmetric, so that the curve has no lag.

    Args:
        learning_rates: array of shape `(points,)`.
        losses: array of shape `(points,)`, finite.
        width: float >= 0. Standard deviation in decades; 0 returns the losses.
    """
    places = range(len(losses))
    return np.array([smooth_at(place, learning_rates, losses, width) for place in places])


def smooth_at(place: int, learning_rates: np.ndarray, losses: np.ndarray, width: float) -> float:
    """Return one point of what `smooth` returns."""
    if not width:
        return float(losses[place])
    decades = np.log10(learning_rates)
    with np.errstate(over="ignore"):  # So far away the weight is zero.
        weights = np.exp(-0.5 * ((decades - decades[place]) / width) ** 2)
    return float(weights @ losses / weights.sum())


def trailing(learning_rates: np.ndarray, losses: np.ndarray, width: float) -> float:
    """Return the last smoothed point, of losses no higher than the second highest.

    A single batch that is unlike all others does not raise it above them.
    """
    second = np.sort(losses)[-2:][0]
    return smooth_at(-1, learning_rates, np.minimum(losses, second), width)


def count_apart(learning_rates: np.ndarray, width: float) -> int:
    """Return how many rates are at least two points, and two widths, below the last."""
    return int(np.sum(learning_rates[:-2] <= learning_rates[-1] * 10 ** (-2 * width)))


def limit(highest: float, best: float, divergence: float) -> float:
    """Return the loss above which training diverges: the highest before, or so many times the best.

    It is infinite if `divergence` is.
    """
    if divergence == np.inf:
        return divergence
    return max(highest, best + (divergence - 1) * abs(best))


def cut_off(losses: np.ndarray, limit: float) -> np.ndarray:
    """Return the losses, those behind the lowest no higher than `limit`.

    Smoothing spreads a last loss that is higher by orders of magnitude over the whole curve.
    """
    behind = np.arange(len(losses)) > np.argmin(losses)
    return np.where(behind, np.minimum(losses, limit), losses)


def minimum(smoothed: np.ndarray) -> int:
    """Return where the curve is lowest."""
    return int(np.argmin(smoothed))


def steepest(smoothed: np.ndarray) -> int:
    """Return where the curve falls fastest on its way to the minimum."""
    way = smoothed[: minimum(smoothed) + 1]
    return int(np.argmin(np.gradient(way))) if len(way) > 1 else 0


def longest_fall(values: np.ndarray) -> list[int]:
    """Return the positions of the longest subsequence of falling values, the first of them."""
    lengths = np.ones(len(values), int)
    previous = np.full(len(values), -1)
    for i, value in enumerate(values):
        above = np.flatnonzero(values[:i] > value)
        if len(above):
            previous[i] = above[np.argmax(lengths[above])]
            lengths[i] = lengths[previous[i]] + 1
    places = [int(np.argmax(lengths))]
    while previous[places[0]] >= 0:
        places.insert(0, int(previous[places[0]]))
    return places


def valley(smoothed: np.ndarray) -> int:
    """Return the middle of the longest fall."""
    fall = longest_fall(smoothed)
    return (fall[0] + fall[-1]) // 2


def suggest(curve: Curve) -> tuple[float, str]:
    """Return the learning rate, NaN if there is none, and the reason in plain words."""
    fall, noise = fall_and_noise(curve.losses, curve.smoothed)
    if fall <= LEAST_FALL * noise:
        return math.nan, _never_fell(curve, fall, noise)
    lowest = float(curve.learning_rates[minimum(curve.smoothed)])
    suggestion = lowest / DIVISOR
    reason = (
        f"Suggestion {suggestion:.3g}: a fifth of {lowest:.3g}, where the smoothed loss is "
        f"lowest ({curve.smoothed.min():.3g}, from {curve.smoothed[0]:.3g} at the beginning)."
    )
    return suggestion, reason + _not_risen(curve, fall)


def fall_and_noise(losses: np.ndarray, smoothed: np.ndarray) -> tuple[float, float]:
    """Return how deep the smoothed curve falls, and the standard deviation of a loss about it.

    The latter is robust: from the differences of neighbours, up to the lowest point.
    """
    lowest = minimum(smoothed)
    differences = np.abs(np.diff(losses[: max(lowest, 2) + 1]))
    # Of two draws from a normal distribution, the median of |a - b| is 0.954 deviations.
    noise = float(np.median(differences)) / 0.954 if len(differences) else 0.0
    rounding = 1e-6 * abs(float(smoothed[0]))  # Losses are float32.
    return float(smoothed[0] - smoothed[lowest]), max(noise, rounding)


def _never_fell(curve: Curve, fall: float, noise: float) -> str:
    lowest, highest = curve.learning_rates[[0, -1]]
    return (
        f"No suggestion: between {lowest:.3g} and {highest:.3g} the smoothed loss never fell by "
        f"more than {LEAST_FALL} times what single losses scatter ({fall:.3g}, and they scatter "
        f"by {noise:.3g}). {_remedy(curve)}"
    )


def _remedy(curve: Curve) -> str:
    if curve.ending == "end":
        return "Raise `max_learning_rate`, or raise `steps` or `batch_size`."
    if minimum(curve.smoothed) < BEGINNING:
        return "Lower `min_learning_rate`, or raise `steps` or `batch_size`."
    return "Raise `batch_size` or `steps`."


def _not_risen(curve: Curve, fall: float) -> str:
    """Say that the interval ends too early, if it does."""
    risen = curve.smoothed[-1] - curve.smoothed.min()
    if curve.ending != "end" or risen > fall / 2:
        return ""
    return (
        f" The loss had not risen again at {curve.learning_rates[-1]:.3g}, the end: raise "
        "`max_learning_rate` to see whether more is better."
    )
