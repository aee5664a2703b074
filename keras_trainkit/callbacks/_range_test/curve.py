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
    if not width or len(losses) < 2:
        return np.array(losses, "float64")
    decades = np.log10(learning_rates)
    weights = np.exp(-0.5 * ((decades - decades[:, None]) / width) ** 2)
    return weights @ losses / weights.sum(1)


def limit(first: float, best: float, divergence: float) -> float:
    """Return the loss above which training diverges: its first value, or so many times the best."""
    return max(first, best + (divergence - 1) * abs(best))


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
