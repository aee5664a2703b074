"""Nested state in one `.npz` file, whole or not at all.

Lists, dicts and numbers go into the file as JSON, arrays beside it, and nothing is pickled. The zip
format keeps a checksum of each, which reading compares.
"""

import contextlib
import json
import os
import tempfile
import zipfile
import zlib
from typing import Any

import ml_dtypes  # noqa: F401  (names bfloat16 and the float8 types for NumPy)
import numpy as np

FORMAT = "keras_trainkit.state"
VERSION = 1
UNFINISHED = ".part"
_ARRAY = "__array__"
_TUPLE = "__tuple__"
_TREE = "tree"
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class DamagedError(Exception):
    """The file cannot be read as it was written."""


class WrongVersionError(Exception):
    """The file was written by a version of this package that counts its format otherwise."""


def write(path: str, state: Any) -> None:
    """Write beside the file, and put the new one in its place when it is on the disk.

    Args:
        path: path of the file.
        state: nested lists, tuples, dicts with string keys, arrays, numbers, strings and None.

    Raises:
        TypeError: if the state holds anything else.
        OSError: if the file cannot be written; what was there before is untouched.
    """
    arrays: list[np.ndarray] = []
    tree = {"format": FORMAT, "version": VERSION, "state": _taken_apart(state, arrays)}
    members: dict[str, Any] = {str(i): array for i, array in enumerate(arrays)}
    members[_TREE] = np.frombuffer(json.dumps(tree).encode(), "uint8")
    handle, unfinished = tempfile.mkstemp(UNFINISHED, os.path.basename(path), os.path.dirname(path))
    try:
        with open(handle, "wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        raise


def read(path: str) -> Any:
    """Return the state.

    Raises:
        DamagedError: if the file is missing, cut off or changed.
        WrongVersionError: if it was written in another version of the format.
    """
    try:
        with np.load(path, allow_pickle=False) as members:
            content = {name: members[name] for name in members.files}
        tree = json.loads(content.pop(_TREE).tobytes())
        if tree["format"] != FORMAT:
            raise ValueError(f"its format is {tree['format']}")
    except _UNREADABLE as error:
        raise DamagedError(f"{path} is damaged: {error or type(error).__name__}") from error
    if tree["version"] != VERSION:
        raise WrongVersionError(
            f"{path} was written in format {tree['version']} of this package, and this version "
            f"reads format {VERSION}"
        )
    return _put_together(tree["state"], content)


def check(state: Any) -> None:
    """Raise the TypeError that writing the state would raise."""
    _taken_apart(state, [])


def _taken_apart(state: Any, arrays: list[np.ndarray]) -> Any:
    """Return the state as JSON can hold it, and move its arrays into the list."""
    if isinstance(state, np.ndarray):
        arrays.append(state.view(f"u{state.itemsize}") if state.dtype.kind == "V" else state)
        return {_ARRAY: len(arrays) - 1, "dtype": state.dtype.name}
    if isinstance(state, np.generic):
        return state.item()
    if isinstance(state, dict):
        return {key: _taken_apart(value, arrays) for key, value in state.items()}
    if isinstance(state, tuple):
        return {_TUPLE: [_taken_apart(item, arrays) for item in state]}
    if isinstance(state, list):
        return [_taken_apart(item, arrays) for item in state]
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    raise TypeError(f"a {type(state).__name__} cannot be saved")


def _put_together(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_put_together(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if _ARRAY in tree:
        array = arrays[str(tree[_ARRAY])]
        return array if array.dtype.kind in "USO" else array.view(np.dtype(tree["dtype"]))
    if _TUPLE in tree:
        return tuple(_put_together(item, arrays) for item in tree[_TUPLE])
    return {key: _put_together(value, arrays) for key, value in tree.items()}
