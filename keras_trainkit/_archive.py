"""Nested state in one `.npz` file, whole or not at all: snapshots, best weights, histories.

Lists, dicts and numbers go into the file as JSON, arrays beside it, and nothing is pickled. The
JSON lists every array with its size and checksum; the zip format keeps checksums of them and of the
JSON, which reading compares. A file says what it holds.
"""

import contextlib
import json
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_trainkit._archive_tree import Deferred as Deferred
from keras_trainkit._archive_tree import put_together, taken_apart
from keras_trainkit._npz_members import Disk, Members, is_refusal

STATE = "keras_trainkit.state"
VERSION = 1
UNFINISHED = ".part"
_TREE = "tree.npy"


class DamagedError(Exception):
    """The file is not as it was written, or is another one."""


class WrongVersionError(ValueError):
    """The file was written by a version of this package that counts its format otherwise."""


def write(path: str, state: Any, holds: str = STATE, compressed: bool = False) -> None:
    """Write beside the file, and put the new one in its place when it is on the disk.

    Args:
        path: path of the file.
        state: nested lists, tuples, dicts, arrays, numbers, strings and None; in place of an array
            also a `Deferred` one.
        holds: name of what the file holds, without which it is not read.
        compressed: whether the arrays are.

    Raises:
        TypeError: if the state holds anything else, or itself.
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


def read(path: str, holds: str = STATE, compressed: bool = False) -> Any:
    """Return the state, as it was written or not at all.

    Args:
        path: path of the file.
        holds: name of what the file should hold.
        compressed: whether its arrays may be.

    Raises:
        OSError: if the disk refuses: the file is missing, or cannot be read at the moment.
        DamagedError: if the file was read and is cut off or changed, or holds something else.
        WrongVersionError: if it was written in another version of the format.
        MemoryError: if there is no room for what the file holds.
    """
    with opened(path, _told, compressed) as members:
        return state_in(members, holds)


@contextlib.contextmanager
def opened(
    path: str | os.PathLike, told: Callable[[Any, Exception], Exception], compressed: bool
) -> Iterator[Members]:
    """Open a file for as long as its members are read and understood.

    Errors of the disk and of the memory come out as they are. Every other one is the file's fault,
    and comes out as what `told` makes of the path and the error.
    """
    with open(path, "rb") as file:
        disk = Disk(file)
        try:
            yield Members(disk, compressed)
        except MemoryError:
            raise
        except Exception as error:
            refusal = disk.refusal or (error if is_refusal(error) else None)
            if refusal:
                refusal.filename = os.fspath(path)
                raise refusal from None
            raise told(path, error) from error


def state_in(members: Members, holds: str) -> Any:
    """Return the state in an open file; one that does not hold it raises any `Exception`."""
    tree = json.loads(str(members.array(_TREE).data, "utf-8"))
    if tree["format"] != holds:
        raise ValueError(f"its format is {tree['format']!s:.80}")
    if tree["version"] != VERSION:
        raise WrongVersionError(
            f"was written in format {tree['version']!s:.80} of this package; this version reads "
            f"format {VERSION}. Use the version that wrote it, or delete it to begin anew"
        )
    return put_together(tree["state"], members.array)


def check(state: Any) -> None:
    """Raise the TypeError that writing the state would raise."""
    taken_apart(state, lambda array: ("", 0, 0))


def reason_of(error: Exception) -> str:
    """Return in words why a file cannot be understood."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return f"{str(error) or type(error).__name__:.300}"


def _told(path: Any, error: Exception) -> Exception:
    if isinstance(error, WrongVersionError):
        return WrongVersionError(f"{path} {error}")
    return DamagedError(f"{path} is damaged: {reason_of(error)}")


def _write_members(archive: zipfile.ZipFile, state: Any, holds: str) -> None:
    """Write one array after the other, each fetched when its turn comes, and the tree at last."""

    def write_member(name: str, array: np.ndarray) -> None:
        with archive.open(name, "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def keep(array: np.ndarray) -> tuple[str, int, int]:
        name = f"{len(archive.namelist())}.npy"
        write_member(name, array)
        info = archive.getinfo(name)
        return name, info.file_size, info.CRC

    tree = {"format": holds, "version": VERSION, "state": taken_apart(state, keep)}
    write_member(_TREE, np.frombuffer(json.dumps(tree).encode(), "uint8"))
