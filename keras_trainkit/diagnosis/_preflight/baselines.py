"""How much of a target simple functions of the inputs find: what a network should find as well."""

import math
from typing import Any

import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import seen_values, spread_places
from keras_trainkit.diagnosis.outcomes import skill

ROWS, COLUMNS, CLASSES = 1000, 250, 100
# Inputs of more columns are not compared by their distances.
_WIDEST = 5000
# How many rows a fit has for each column, so that it cannot learn them by heart.
_ROWS_PER_COLUMN = 2
# What is added to the diagonal of a matrix of kernels of which each element is at most 1.
_RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0)

Halves = tuple[np.ndarray, np.ndarray]


def linear_skill(x: Any, y: Any) -> float:
    """Return the skill of least squares, fitted to half of the rows, on the other half.

    Args:
        x, y: one array each. Classes count as columns of 0 and 1.

    Returns:
        float, as of `outcomes.skill`; NaN for nested arrays, inputs that are no floating numbers,
        too many columns or too few rows.
    """
    known = _halves(x, y)
    if known is None:
        return math.nan
    inputs, targets = known
    rows, columns = inputs.shape
    if columns >= COLUMNS or rows < 2 * _ROWS_PER_COLUMN * columns:
        return math.nan
    inputs = np.hstack([inputs, np.ones((rows, 1))])
    weights = np.linalg.lstsq(inputs[::2], targets[::2])[0]
    return skill(inputs[1::2] @ weights, targets[1::2])


def curved_skill(x: Any, y: Any) -> float:
    """Return the skill of kernel ridge regression in the same way, with the best of some ridges.

    The kernel is Gaussian, as wide as the columns vary together.

    Reference:
        Murphy (2012), Machine Learning: A Probabilistic Perspective, section 14.4.3.
    """
    known = _halves(x, y)
    if known is None or len(known[0]) < 2 * _ROWS_PER_COLUMN:
        return math.nan
    inputs, targets = known
    centre = targets[::2].mean(axis=0)
    kernel, beside = _kernel(inputs[::2], inputs[::2]), _kernel(inputs[1::2], inputs[::2])
    skills = [
        skill(
            beside @ np.linalg.solve(kernel + ridge * np.eye(len(kernel)), targets[::2] - centre)
            + centre,
            targets[1::2],
        )
        for ridge in _RIDGES
    ]
    return max(skills)


def by_class(targets: np.ndarray) -> np.ndarray:
    """Return whole numbers from 0 up as a column of 0 and 1 for each, anything else as it is."""
    classes = np.unique(targets)
    is_counted = targets.shape[1] == 1 and np.array_equal(classes, np.arange(len(classes)))
    is_several = 2 <= len(classes) <= CLASSES
    return np.eye(len(classes))[targets[:, 0].astype(int)] if is_counted and is_several else targets


def _halves(x: Any, y: Any) -> Halves | None:
    """Return standardized inputs and the targets of the same rows, None where there are none."""
    inputs, targets = _rows(x), _rows(y)
    if inputs is None or targets is None or inputs.dtype.kind != "f" or len(inputs) != len(targets):
        return None
    inputs, targets = _standardized(inputs), by_class(targets)
    is_small = inputs.shape[1] <= _WIDEST and targets.shape[1] <= CLASSES
    return (inputs, targets) if is_small and np.isfinite(inputs).all() else None


def _rows(array: Any) -> np.ndarray | None:
    """Return some rows at equal distances as a table, None for what is no array of numbers."""
    values = seen_values(array) if hasattr(array, "shape") else None
    if values is None or values.dtype.kind not in "fiub" or not values.size:
        return None
    table = values.reshape(len(values), -1)
    places = spread_places(len(table), ROWS)
    # Each fit has every other row: in data that alternates these are of one kind.
    return table[np.random.default_rng(0).permutation(places)]


def _standardized(inputs: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1; those that are constant are 0."""
    inputs = inputs.astype("float64")
    scale = inputs.std(axis=0)
    return (inputs - inputs.mean(axis=0)) / np.where(scale > 0, scale, 1)


def _kernel(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the Gaussian kernel of rows, as wide as a row is long in the mean."""
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    length = (others**2).sum(axis=1).mean()
    return np.exp(-np.maximum(squares, 0) / (length or 1))
