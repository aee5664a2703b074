"""What is counted of a layer's output."""

import math
from collections.abc import Sequence

import numpy as np

Row = Sequence[float]

# So many values are in double precision at a time: blocks that stay near the processor.
_BLOCK = 1 << 16
_SATURATING = ("sigmoid", "tanh", "softmax")


def statistics_of(y: np.ndarray, kind: str, axis: int | Sequence[int] = -1) -> Row:
    """Return mean, standard deviation, and the shares of zeros, dead units and saturated values.

    All are taken in double precision. Units lie on the last axis; those of ReLU alone can be dead,
    and the values of sigmoid, tanh and softmax saturated. What a kind does not have is NaN.

    Args:
        y: array of floats.
        kind: "relu", "sigmoid", "tanh", "softmax" or "".
        axis: that of softmax, or several. Defaults to `-1`.
    """
    units = y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1)
    rows = max(1, _BLOCK // max(1, units.shape[1]))
    # Squares are taken about one of the values: about 0 their sum would drown a small deviation.
    about = float(y.flat[0]) if y.size else 0.0
    sums, dead = np.zeros(5), np.ones(units.shape[1], bool)
    with np.errstate(all="ignore"):  # Outputs may be infinite, or none.
        for start in range(0, len(units), rows):
            block = units[start : start + rows].astype("float64")
            zero, apart = block == 0, block - about
            near_ends = _near_ends(block, kind)
            sums += np.array(
                [block.sum(), apart.sum(), np.square(apart).sum(), zero.sum(), near_ends]
            )
            dead &= zero.all(axis=0)
        mean, distance, square, zeros, near_ends = sums / y.size
        std = np.sqrt(np.maximum(square - distance**2, 0))
    if kind == "softmax":
        near_ends = (y.max(axis=axis if isinstance(axis, int) else tuple(axis)) > 0.99).mean()
    of_units = float(dead.mean()) if kind == "relu" else math.nan
    saturated = float(near_ends) if kind in _SATURATING else math.nan
    return float(mean), float(std), float(zeros), of_units, saturated


def _near_ends(block: np.ndarray, kind: str) -> float:
    """Return how many values of a squashing function are near its ends."""
    if kind == "sigmoid":
        return float(((block <= 0.01) | (block >= 0.99)).sum())
    if kind == "tanh":
        return float((np.abs(block) > 0.98).sum())
    return 0.0
