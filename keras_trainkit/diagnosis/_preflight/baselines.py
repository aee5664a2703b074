"""How much of a target simple functions of the inputs find: what a network should find as well."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import seen_values, spread_places
from keras_trainkit.diagnosis.outcomes import skill

ROWS, COLUMNS, CLASSES = 1000, 250, 100
# Inputs of more columns are not compared by their distances.
_WIDEST = 5000
# How many rows a fit has for each column, so that it cannot learn them by heart.
_ROWS_PER_COLUMN = 2
# Of fewer classes, an order cannot be told.
_SEVERAL = 3
# What is added to the diagonal of a matrix of kernels of which each element is at most 1.
_RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0)


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
    rows, columns = inputs.shape
    targets = by_class(targets)
    is_small = columns < COLUMNS and targets.shape[1] <= CLASSES
    if not is_small or rows < 2 * _ROWS_PER_COLUMN * columns or not np.isfinite(inputs).all():
        return math.nan
    inputs = np.hstack([_standardized(inputs), np.ones((rows, 1))])
    weights = np.linalg.lstsq(inputs[::2], targets[::2])[0]
    return skill(inputs[1::2] @ weights, targets[1::2])


def curved_skill(x: Any, y: Any) -> float:
    """Return the skill of kernel ridge regression in the same way, with the best of some ridges.

    The kernel falls with the distance of two rows, and of whole numbers, which may be tokens, also
    with the number of columns in which they differ.

    Reference:
        Murphy (2012), Machine Learning: A Probabilistic Perspective, section 14.4.3.
    """
    inputs, targets = _rows(x), _rows(y)
    if targets is None:
        return math.nan
    targets = by_class(targets)
    answers = _answers(inputs, targets) if targets.shape[1] <= CLASSES else []
    return max((skill(each, targets[1::2]) for each in answers), default=math.nan)


def class_advantage(x: Any, y: Any) -> float:
    """Return how much more often kernel ridge regression names the class than rounds to it.

    Large where class numbers are names, about 0 where they are amounts or grades.

    Returns:
        float, a difference of accuracies; NaN for targets that are not whole numbers from 0 up in
        one column, three at least.
    """
    inputs, targets = _rows(x), _rows(y)
    if targets is None or targets.shape[1] > 1 or by_class(targets).shape[1] < _SEVERAL:
        return math.nan
    truth = targets[1::2, 0]
    answers = _answers(inputs, np.hstack([by_class(targets), targets]))
    if not answers:
        return math.nan
    named = max((each[:, :-1].argmax(axis=1) == truth).mean() for each in answers)
    rounded = max((np.round(each[:, -1]) == truth).mean() for each in answers)
    return float(named - rounded)


def by_class(targets: np.ndarray) -> np.ndarray:
    """Return whole numbers from 0 up as a column of 0 and 1 for each, anything else as it is."""
    classes = np.unique(targets)
    is_counted = targets.shape[1] == 1 and np.array_equal(classes, np.arange(len(classes)))
    is_several = 2 <= len(classes) <= CLASSES
    return np.eye(len(classes))[targets[:, 0].astype(int)] if is_counted and is_several else targets


def _rows(array: Any) -> np.ndarray | None:
    """Return some rows at equal distances as a table, None for what is no array of numbers."""
    values = seen_values(array) if hasattr(array, "shape") else None
    if values is None or values.dtype.kind not in "fiub" or not values.size:
        return None
    table = values.reshape(len(values), -1)
    places = spread_places(len(table), ROWS)
    # Each fit has every other row: in data that alternates these are of one kind.
    return table[np.random.default_rng(0).permutation(places)]


def _answers(inputs: np.ndarray | None, targets: np.ndarray | None) -> list[np.ndarray]:
    """Return what regressions on every other row, one for each kernel and ridge, say of the rest.

    There is none where the rows do not fit together, are few or too wide.
    """
    if inputs is None or targets is None or len(inputs) != len(targets):
        return []
    is_fit = len(inputs) >= 2 * _ROWS_PER_COLUMN and inputs.shape[1] <= _WIDEST
    if not is_fit or not np.isfinite(inputs).all():
        return []
    centre = targets[::2].mean(axis=0)
    return [
        beside @ np.linalg.solve(among + ridge * np.eye(len(among)), targets[::2] - centre) + centre
        for among, beside in _kernels(inputs)
        for ridge in _RIDGES
    ]


def _kernels(inputs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the kernels of every other row, among these and beside the rest."""
    table = _standardized(inputs)
    yield _falling(_squares(table[::2], table[::2]), _squares(table[1::2], table[::2]))
    if inputs.dtype.kind in "iu" and inputs.shape[1] <= COLUMNS:
        fitted, rest = inputs[::2], inputs[1::2]
        yield _falling(_differing(fitted, fitted), _differing(rest, fitted))


def _falling(among: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return kernels that fall with distances, by half of their mean."""
    width = among.mean() / 2 or 1.0
    return np.exp(-among / width), np.exp(-beside / width)


def _squares(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    return np.maximum(squares, 0)


def _differing(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return in how many columns rows differ."""
    count = np.zeros((len(some), len(others)))
    for mine, theirs in zip(some.T, others.T, strict=True):
        count += mine[:, None] != theirs
    return count


def _standardized(inputs: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1; those that are constant are 0."""
    inputs = inputs.astype("float64")
    scale = inputs.std(axis=0)
    return (inputs - inputs.mean(axis=0)) / np.where(scale > 0, scale, 1)
