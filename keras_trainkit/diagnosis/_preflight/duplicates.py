"""Rows that are the same in all inputs, and how well one can tell their targets at best."""

import math
from collections import Counter
from typing import Any

import numpy as np

from keras_trainkit.diagnosis._preflight.array_facts import VALUES, seen_values
from keras_trainkit.diagnosis._preflight.baselines import CLASSES, by_class
from keras_trainkit.diagnosis._preflight.leaves import leaves_of
from keras_trainkit.diagnosis.facts import DuplicateFacts
from keras_trainkit.diagnosis.outcomes import skill

# How many rows are compared at most.
ROWS = 5000


def duplicates_of(x: Any, y: Any, dtype: str) -> DuplicateFacts | None:
    """Return what is known of equal rows; `None` for what are no arrays of one number of rows.

    Args:
        x, y: arrays, nested.
        dtype: string. The type in which the network reads floats: what it cannot tell apart is
            the same.
    """
    arrays = [leaf.value for leaf in leaves_of("x", x)]
    targets = [leaf.value for leaf in leaves_of("y", y)]
    tables = _tables([*arrays, *targets])
    if not arrays or not tables:
        return None
    inputs = [_as_read(table, dtype) for table in tables[: len(arrays)]]
    keys = [b"".join(row.tobytes() for row in rows) for rows in zip(*inputs, strict=True)]
    counts = Counter(keys)
    return DuplicateFacts(
        rows=len(keys),
        largest=max(counts.values()) / len(keys),
        best_skill=_best_skill(keys, tables[-1]) if len(targets) == 1 else math.nan,
    )


def _tables(arrays: list[Any]) -> list[np.ndarray]:
    """Return the same rows of all arrays, none where there are no such rows."""
    if not all(getattr(array, "shape", ()) for array in arrays):
        return []
    widest = max(math.prod(array.shape[1:]) for array in arrays)
    rows = min(ROWS, max(1, VALUES // max(1, widest)))
    tables = [seen_values(array, rows) for array in arrays]
    known = [table for table in tables if table is not None and table.dtype.kind in "fiub"]
    is_known = len(known) == len(tables) and len({len(table) for table in known}) == 1
    return [table.reshape(len(table), -1) for table in known] if is_known and len(known[0]) else []


def _as_read(table: np.ndarray, dtype: str) -> np.ndarray:
    if table.dtype.kind != "f":
        return np.ascontiguousarray(table)
    return table.astype(dtype) + np.zeros((), dtype)  # -0.0 is 0.0.


def _best_skill(keys: list[bytes], targets: np.ndarray) -> float:
    """Return the skill of what knows the mean target of each kind of rows."""
    if targets.shape[1] > CLASSES:
        return math.nan
    targets = by_class(targets).astype("float64")
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    kinds = np.array([numbers[key] for key in keys])
    sums = np.zeros((len(numbers), targets.shape[1]))
    np.add.at(sums, kinds, targets)
    return skill((sums / np.bincount(kinds)[:, None])[kinds], targets)
