"""How much of a target a linear function of the inputs finds."""

import math
from typing import Any

import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import seen_values, spread_places
from keras_trainkit.diagnosis.outcomes import skill

ROWS, COLUMNS, CLASSES = 1000, 250, 100
# How many rows a fit has for each column, so that it cannot learn them by heart.
_ROWS_PER_COLUMN = 2


def linear_skill(x: Any, y: Any) -> float:
    """Return the skill of least squares, fitted to half of the rows, on the other half.

    Args:
        x, y: one array each. Classes count as columns of 0 and 1.

    Returns:
        float, as of `outcomes.skill`; NaN for nested arrays, inputs that are no floating numbers,
        too many columns or too few rows.
    """
    inputs, targets = _rows(x), _rows(y)
    if inputs is None or targets is None or inputs.dtype.kind != "f" or len(inputs) != len(targets):
        return math.nan
    inputs, targets = _standardized(inputs), by_class(targets)
    rows, columns = inputs.shape
    is_small = columns <= COLUMNS and targets.shape[1] <= CLASSES
    if not is_small or rows < 2 * _ROWS_PER_COLUMN * columns or not np.isfinite(inputs).all():
        return math.nan
    weights = np.linalg.lstsq(inputs[::2], targets[::2])[0]
    return skill(inputs[1::2] @ weights, targets[1::2])


def _rows(array: Any) -> np.ndarray | None:
    """Return some rows at equal distances as a table, None for what is no array of numbers."""
    values = seen_values(array) if hasattr(array, "shape") else None
    if values is None or values.dtype.kind not in "fiub" or not values.size:
        return None
    table = values.reshape(len(values), -1)
    places = spread_places(len(table), ROWS)
    # Least squares is fitted to every other row: in data that alternates these are of one kind.
    return table[np.random.default_rng(0).permutation(places)]


def _standardized(inputs: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1, and one of ones."""
    inputs = inputs.astype("float64")
    scale = inputs.std(axis=0)
    scaled = (inputs - inputs.mean(axis=0)) / np.where(scale > 0, scale, 1)
    return np.hstack([scaled, np.ones((len(inputs), 1))])


def by_class(targets: np.ndarray) -> np.ndarray:
    """Return whole numbers from 0 up as a column of 0 and 1 for each, anything else as it is."""
    classes = np.unique(targets)
    is_counted = targets.shape[1] == 1 and np.array_equal(classes, np.arange(len(classes)))
    is_several = 2 <= len(classes) <= CLASSES
    return np.eye(len(classes))[targets[:, 0].astype(int)] if is_counted and is_several else targets
