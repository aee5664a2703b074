"""The loss over the logarithm of the learning rate: smoothed, and the points that rules pick."""

import numpy as np


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
