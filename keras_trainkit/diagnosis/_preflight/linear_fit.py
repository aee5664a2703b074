"""How well a linear model would meet the targets, from some rows of the data."""

import math
from typing import Any

import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import as_numpy
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis.outcomes import skill

# Of more values nothing is looked at; of more rows, so many at equal distances.
_VALUES, _ROWS = 2_000_000, 1000
# Fewer rows for each column are met by chance.
_ROWS_OF_A_COLUMN, _COLUMNS = 4, 100
_CLASSES = 30


def linear_skill(x: Any, y: Any) -> float:
    """Return the skill of least squares on one input and one target; NaN where it is not known.

    It is that of `Outcomes`: 0 is the mean, or the most frequent class; 1 is perfect.
    """
    inputs, targets = _matrix(x), _matrix(y)
    if inputs is None or targets is None or len(inputs) != len(targets):
        return math.nan
    step = max(len(inputs) // _ROWS, 1)
    inputs, targets = (each[::step].astype("float64") for each in (inputs, targets))
    few = inputs.shape[1] > min(_COLUMNS, len(inputs) // _ROWS_OF_A_COLUMN)
    if few or not (np.isfinite(inputs).all() and np.isfinite(targets).all()):
        return math.nan
    design = np.column_stack([inputs, np.ones(len(inputs))])
    weights = np.linalg.lstsq(design, _with_columns(targets), rcond=None)[0]
    return skill(design @ weights, targets)


def _matrix(structure: Any) -> np.ndarray | None:
    """Return the rows of the only array in nested data, flat."""
    leaves = list(leaves_of("", structure))
    shape = getattr(leaves[0].value, "shape", ()) if len(leaves) == 1 else ()
    if not len(shape) or None in shape or math.prod(shape) > _VALUES:
        return None
    values = as_numpy(leaves[0].value)
    if values is None or not values.size or values.dtype.kind not in "iubf":
        return None
    return values.reshape(len(values), -1)


def _with_columns(targets: np.ndarray) -> np.ndarray:
    """Return a column for each class where targets are class numbers."""
    classes = np.unique(targets[:, 0])
    is_counted = targets.shape[1] == 1 and len(classes) <= _CLASSES
    if is_counted and (classes == np.arange(len(classes))).all():
        return (targets == classes).astype("float64")
    return targets
