"""Facts of arrays: their scale, what is not finite in them, and what kind of targets they are."""

import contextlib
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_trainkit.diagnosis.facts import ArrayFacts

# How many values of an array are looked at, and in how many blocks of rows, which keep their order.
VALUES, BLOCKS = 2_000_000, 64
# How many values are searched for NaN and infinity.
SEARCHED = 50_000_000
DISTINCT, CLASSES = 1001, 1000
# How far rounding takes the sum of probabilities from 1.
_ROUNDING = 1e-3
_FIRST = 20_000
_NO_NUMBERS = "USMmc"


def array_facts(name: str, array: Any) -> ArrayFacts:
    """Return the facts of one array, tensor or frame.

    Args:
        name: string. What to call it.
        array: anything with a `shape` whose rows can be sliced.
    """
    shape = tuple(array.shape)
    values = seen_values(array)
    known = ArrayFacts(
        name=name,
        shape=shape,
        dtype=dtype_of(array, values),
        seen=len(values) if values is not None and values.ndim else 0,
    )
    numbers = _as_numbers(values)
    if numbers is None or not numbers.size:
        return known
    with np.errstate(all="ignore"):  # Sums of float64 may overflow.
        return replace(known, **_numbers(numbers, _nonfinite(array, numbers)))


def unseen_facts(name: str, shape: tuple[int | None, ...], dtype: str) -> ArrayFacts:
    """Return the facts of an array of which nothing is known but its kind."""
    return ArrayFacts(name=name, shape=shape, dtype=dtype, seen=0)


def dtype_of(array: Any, values: np.ndarray | None = None) -> str:
    """Return the name of an array's type, of a frame's values if it has none of its own."""
    dtype = getattr(array, "dtype", None)
    dtype = getattr(values, "dtype", None) if dtype is None else dtype
    with contextlib.suppress(ValueError, TypeError):
        return keras.backend.standardize_dtype(dtype)
    return str(dtype)


def seen_values(array: Any, most: int | None = None) -> np.ndarray | None:
    """Return all rows, or blocks of rows at equal distances; None for what is no dense array.

    Args:
        array: array, tensor or frame.
        most: integer > 0. At most so many rows. Defaults to `None`: as have `VALUES` values.
    """
    shape = tuple(array.shape)
    rows = shape[0] if shape else 0
    wanted = most or max(1, VALUES // max(1, int(np.prod(shape[1:]))))
    if rows <= wanted:
        return as_numpy(array)
    length = max(1, wanted // BLOCKS)
    starts = np.linspace(0, rows - length, min(BLOCKS, wanted)).astype(int).tolist()
    parts = [as_numpy(sliced(array, start, start + length)) for start in starts]
    dense = [part for part in parts if part is not None]
    return np.concatenate(dense) if len(dense) == len(parts) else None


def spread_places(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` positions of `count`, at equal distances and in order."""
    return np.linspace(0, count - 1, min(count, wanted)).astype(int).tolist()


def sliced(array: Any, start: int, stop: int) -> Any:
    """Return some rows of an array, tensor or frame."""
    return getattr(array, "iloc", array)[start:stop]


def as_numpy(array: Any) -> np.ndarray | None:
    """Return a NumPy array, or None for what is no dense array."""
    if hasattr(array, "tocsr") or "Sparse" in type(array).__name__:
        return None
    try:
        is_tensor = keras.ops.is_tensor(array)
        return keras.ops.convert_to_numpy(array) if is_tensor else np.asarray(array)
    except Exception:  # Each library that has arrays has its own.
        return None


def _as_numbers(values: np.ndarray | None) -> np.ndarray | None:
    """Return a matrix of columns in a type that NumPy computes in, or None for other than numbers.

    Texts in an array of objects are none, numbers in it are.
    """
    if values is None or values.dtype.kind in _NO_NUMBERS:
        return None
    columns = values.shape[-1] if values.ndim > 1 else 1
    try:
        exact = values.dtype.kind in "iub" or values.dtype == np.float32
        numbers = values if exact else values.astype("float64")
    except (TypeError, ValueError):
        return None
    return numbers.reshape(-1, columns) if columns else None


def _nonfinite(array: Any, numbers: np.ndarray) -> int:
    """Count what is not finite, in all rows unless there are too many."""
    if numbers.dtype.kind != "f":
        return 0
    is_searched = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    searched = array if is_searched and array.size <= SEARCHED else numbers
    return int(searched.size - np.count_nonzero(np.isfinite(searched)))


def _numbers(numbers: np.ndarray, nonfinite: int) -> dict[str, Any]:
    finite = np.isfinite(numbers) if nonfinite else None
    values = numbers.ravel() if finite is None else numbers[finite]
    if not values.size:
        return {"nonfinite": nonfinite}
    whole = numbers.dtype.kind in "iub" or bool((values == np.floor(values)).all())
    distinct = _distinct(values)
    return {
        "mean": float(values.mean(dtype="float64")),
        "std": float(values.std(dtype="float64")),
        "low": float(values.min()),
        "high": float(values.max()),
        "nonfinite": nonfinite,
        "whole": whole,
        "distinct": min(len(distinct), DISTINCT),
        **_of_columns(numbers, finite),
        **_of_classes(numbers, distinct, whole and not nonfinite),
    }


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return the distinct values, or more than `CLASSES` of them."""
    first = np.unique(values[:_FIRST])
    return first if len(first) > CLASSES or len(values) <= _FIRST else np.unique(values)


def _of_columns(numbers: np.ndarray, finite: np.ndarray | None) -> dict[str, Any]:
    """Return what is known of each column, in few numbers."""
    numbers = numbers.astype("float64")
    usable = numbers if finite is None else np.where(finite, numbers, np.nan)
    squares = np.einsum("ij,ij->j", numbers, numbers) if finite is None else np.nansum(usable**2, 0)
    counts = len(numbers) if finite is None else np.maximum(finite.sum(0), 1)
    scales = np.sqrt(squares / counts)
    low = usable.min(0) if finite is None else np.where(finite, numbers, np.inf).min(0)
    high = usable.max(0) if finite is None else np.where(finite, numbers, -np.inf).max(0)
    return {
        "scales": (float(scales.min()), float(np.median(scales)), float(scales.max())),
        "largest": int(scales.argmax()),
        "constant": int((low == high).sum()),
    }


def _of_classes(numbers: np.ndarray, distinct: np.ndarray, is_whole: bool) -> dict[str, Any]:
    """Return which kind of targets the values would be."""
    is_single = numbers.shape[1] == 1
    binary = is_whole and set(distinct.tolist()) <= {0, 1}
    sums = None if is_single or distinct[0] < 0 else numbers.sum(1, dtype="float64")
    one_hot = binary and sums is not None and bool((sums == 1).all())
    found: dict[str, Any] = {
        "binary": binary,
        "one_hot": one_hot,
        "sums_to_one": sums is not None and bool((np.abs(sums - 1) < _ROUNDING).all()),
    }
    labels = numbers[:, 0] if is_single and is_whole else numbers.argmax(1) if one_hot else None
    if labels is None or len(distinct) > CLASSES:
        return found
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) > CLASSES:
        return found
    shares = zip(classes.astype("float64").tolist(), (counts / len(labels)).tolist(), strict=True)
    return {**found, "classes": dict(shares), "ordered": _stand_in_blocks(labels, classes)}


def _stand_in_blocks(labels: np.ndarray, classes: np.ndarray) -> bool:
    """Say whether each of several classes, most of them with several rows, stands together."""
    runs = 1 + int(np.count_nonzero(labels[1:] != labels[:-1]))
    return 1 < len(classes) == runs <= len(labels) // 2
