"""Nested state in one `.npz` file, whole or not at all: snapshots, best weights, histories.

Lists, dicts and numbers go into the file as JSON, arrays beside it, and nothing is pickled. The zip
format keeps a checksum of each, which reading compares. A file says what it holds.
"""

import contextlib
import io
import json
import os
import uuid
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

STATE = "keras_trainkit.state"
VERSION = 1
UNFINISHED = ".part"
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_ARRAY = "__array__"
_TUPLE = "__tuple__"
_PAIRS = "__pairs__"
_TREE = "tree.npy"


class DamagedError(Exception):
    """The file cannot be read as it was written."""


class WrongVersionError(ValueError):
    """The file was written by a version of this package that counts its format otherwise."""


@dataclass(frozen=True)
class Deferred:
    """An array that is fetched when its turn comes to be written."""

    fetch: Callable[[], np.ndarray]


def write(path: str, state: Any, holds: str = STATE, compressed: bool = False) -> None:
    """Write beside the file, and put the new one in its place when it is on the disk.

    Args:
        path: path of the file.
        state: nested lists, tuples, dicts, arrays, numbers, strings and None; in place of an array
            also a `Deferred` one.
        holds: name of what the file holds, without which it is not read.
        compressed: whether the arrays are.

    Raises:
        TypeError: if the state holds anything else.
        OSError: if the file cannot be written; what was there before is untouched.
    """
    # `tempfile` would make a file that only its owner may read.
    unfinished = f"{path}{uuid.uuid4().hex}{UNFINISHED}"
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    try:
        with open(unfinished, "xb") as file:
            with zipfile.ZipFile(file, "w", method) as archive:
                _write_members(archive, state, holds)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        if isinstance(error, OSError):
            error.filename, error.filename2 = path, None  # Nobody asked for the other one.
        raise


def read(path: str) -> Any:
    """Return the state.

    Raises:
        DamagedError: if the file is missing, cut off or changed, or holds something else.
        WrongVersionError: if it was written in another version of the format.
    """
    try:
        with open(path, "rb") as file:
            return read_from(file)
    except WrongVersionError as error:
        raise WrongVersionError(f"{path} {error}") from error
    except UNREADABLE as error:
        raise DamagedError(f"{path} is damaged: {str(error) or type(error).__name__}") from error


def read_from(file: BinaryIO, holds: str = STATE) -> Any:
    """Return the state in an open file; one that is damaged raises any of `UNREADABLE`."""
    with zipfile.ZipFile(file) as members:
        content = {name: _array(members.read(name)) for name in members.namelist()}
    tree = json.loads(content.pop(_TREE).tobytes())
    if tree["format"] != holds:
        raise ValueError(f"its format is {tree['format']}")
    if tree["version"] != VERSION:
        raise WrongVersionError(
            f"was written in format {tree['version']} of this package; this version reads format "
            f"{VERSION}. Use the version that wrote it, or delete it to begin anew"
        )
    return _put_together(tree["state"], content)


def check(state: Any) -> None:
    """Raise the TypeError that writing the state would raise."""
    _taken_apart(state, lambda array: "")


def _write_members(archive: zipfile.ZipFile, state: Any, holds: str) -> None:
    """Write one array after the other, each fetched when its turn comes, and the tree at last."""

    def write_member(name: str, array: np.ndarray) -> None:
        with archive.open(name, "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def keep(array: np.ndarray) -> str:
        name = f"{len(archive.namelist())}.npy"
        write_member(name, array)
        return name

    tree = {"format": holds, "version": VERSION, "state": _taken_apart(state, keep)}
    write_member(_TREE, np.frombuffer(json.dumps(tree).encode(), "uint8"))


def _taken_apart(state: Any, keep: Callable[[np.ndarray], str]) -> Any:
    """Return the state as JSON can hold it; `keep` takes each array and returns its name."""
    if isinstance(state, Deferred):
        state = state.fetch()
    if isinstance(state, np.ndarray):
        if state.dtype.hasobject or state.dtype.names:
            raise TypeError(f"an array of {state.dtype} cannot be saved")
        plain = state.view(f"u{state.itemsize}") if state.dtype.kind == "V" else state
        return {_ARRAY: keep(plain), "dtype": state.dtype.name}
    if isinstance(state, np.generic):
        state = state.item()
    if isinstance(state, dict) and not all(isinstance(key, str) for key in state):
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


def _array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _put_together(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_put_together(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if _ARRAY in tree:
        array = arrays[tree[_ARRAY]]
        return array if array.dtype.name == tree["dtype"] else _viewed(array, tree["dtype"])
    if _TUPLE in tree:
        return tuple(_put_together(item, arrays) for item in tree[_TUPLE])
    if _PAIRS in tree:
        return dict(_put_together(pair, arrays) for pair in tree[_PAIRS])
    return {key: _put_together(value, arrays) for key, value in tree.items()}


def _viewed(array: np.ndarray, dtype: str) -> np.ndarray:
    import ml_dtypes  # noqa: F401  (Names bfloat16 and the float8 types for NumPy.)

    return array.view(dtype)
