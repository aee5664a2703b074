"""Nested state taken apart into what JSON can hold, with arrays by reference, and put together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_trainkit._npz_members import PLAIN

_ARRAY = "__array__"
_TUPLE = "__tuple__"
_PAIRS = "__pairs__"
_MARKS = {_ARRAY, _TUPLE, _PAIRS}
Keep = Callable[[np.ndarray], tuple[str, int, int]]
Find = Callable[[str, int | None, int | None], np.ndarray]


@dataclass(frozen=True)
class Deferred:
    """An array that is fetched when its turn comes to be written."""

    fetch: Callable[[], np.ndarray]


def taken_apart(state: Any, keep: Keep) -> Any:
    """Return the state as JSON can hold it.

    Args:
        state: what `_archive.write` takes.
        keep: takes each array. Returns its name, size and checksum, by which it is found again.

    Raises:
        TypeError: if the state holds anything else, holds itself, or is nested too deeply.
    """
    try:
        return _taken_apart(state, keep)
    except RecursionError:
        raise TypeError("state that is nested so deeply cannot be saved") from None


def put_together(tree: Any, find: Find) -> Any:
    """Return the state; `find` gives the array that was kept.

    Size and checksum are None in what earlier versions took apart.
    """
    if isinstance(tree, list):
        return [put_together(item, find) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if _ARRAY in tree:
        return _typed(find(tree[_ARRAY], tree.get("size"), tree.get("crc32")), tree["dtype"])
    if _TUPLE in tree:
        return tuple(put_together(item, find) for item in tree[_TUPLE])
    if _PAIRS in tree:
        return dict(put_together(pair, find) for pair in tree[_PAIRS])
    return {key: put_together(value, find) for key, value in tree.items()}


def _taken_apart(state: Any, keep: Keep) -> Any:
    if isinstance(state, Deferred):
        state = state.fetch()
    if isinstance(state, np.ndarray):
        name, size, crc32 = keep(_plain(state))
        return {_ARRAY: name, "dtype": state.dtype.name, "size": size, "crc32": crc32}
    if isinstance(state, np.generic):
        state = state.item()
    if isinstance(state, dict) and not (_MARKS.isdisjoint(state) and all(map(_is_text, state))):
        return {_PAIRS: [_taken_apart([*pair], keep) for pair in state.items()]}
    if isinstance(state, dict):
        return {key: _taken_apart(value, keep) for key, value in state.items()}
    if isinstance(state, tuple):
        return {_TUPLE: [_taken_apart(item, keep) for item in state]}
    if isinstance(state, list):
        return [_taken_apart(item, keep) for item in state]
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    raise TypeError(f"a {type(state).__name__} cannot be saved")


def _is_text(key: Any) -> bool:
    return isinstance(key, str)


def _plain(array: np.ndarray) -> np.ndarray:
    """Return the array with a type that every NumPy knows."""
    kind = array.dtype
    if kind.kind in PLAIN and kind.isbuiltin < 2 and kind.itemsize:
        return array
    if _custom(kind.name) == kind:
        return array.view(f"u{kind.itemsize}")
    raise TypeError(f"an array of {kind} cannot be saved")


def _typed(array: np.ndarray, name: str) -> np.ndarray:
    """Return the array with the type of this name, which `_plain` took from it."""
    if array.dtype.name == name:
        return array
    kind = _custom(name)
    if kind is None or array.dtype != f"u{kind.itemsize}":
        raise ValueError(f"an array of {array.dtype} is none of {name!r:.80}")
    return array.view(kind)


def _custom(name: str) -> np.dtype | None:
    """Return the type of this name that NumPy itself does not know: bfloat16, float8, int4."""
    import ml_dtypes

    kind = getattr(ml_dtypes, name, None)
    return np.dtype(kind) if isinstance(kind, type) and issubclass(kind, np.generic) else None
