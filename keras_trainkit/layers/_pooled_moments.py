"""Mean and variance of groups of numbers that arrive one after another."""

from typing import Any

import numpy as np


class PooledMoments:
    """The mean and the biased variance of all elements seen so far, in float64.

        count = count_a + count_b,   delta = mean_b - mean_a
        mean = mean_a + delta * count_b / count
        squares = squares_a + squares_b + delta^2 * count_a * count_b / count

    The second group may be a single element. Nothing is subtracted that is large beside the result.

    Reference: Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for
        computing sample variances, Stanford University, CS-TR-79-773.
    """

    def __init__(self) -> None:
        # The first group makes arrays of its own shape of them.
        self.count: Any = 0.0
        self.mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, mean: np.ndarray, variance: Any = 0.0, count: Any = 1.0) -> None:
        """Take in `count` elements with this mean and biased variance."""
        delta = mean - self.mean
        total = self.count + count
        share = count / np.maximum(total, 1)
        self.mean = self.mean + delta * share
        self._squares = self._squares + variance * count + np.square(delta) * self.count * share
        self.count = total

    @property
    def variance(self) -> np.ndarray:
        """The sum of the squared deviations, divided by the count."""
        return self._squares / np.maximum(self.count, 1)
