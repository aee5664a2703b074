"""The arrays of an `.npz` file that may be anything: sound, damaged, or made to deceive.

A member is read only when it is asked for, once, and nothing is allocated for it before its sizes
agree with each other and with the file. What is wrong with the file raises any `Exception`; an
`OSError` of the disk is kept in `Disk.refusal`.
"""

import errno
import math
import re
import zipfile
from typing import Any, BinaryIO, TypeGuard

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][?a-zA-Z]\d*(?:\[\w+\])?)', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, ]*)\), \} *\n"
)
PLAIN = "biufcmMSU"  # The kinds of NumPy's own types that hold no objects.
_PIECE = 1 << 18
_LOCAL_HEADER = 30
# A match of 258 bytes takes two bits at least.
_LARGEST_RATIO = 1032


class Disk:
    """An open file that keeps the error with which its disk refused; `zipfile` hides some.

    Attributes:
        refusal: the `OSError`, or None. That a nonsensical place was asked for is not one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.refusal: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        try:
            return self._file.read(size)
        except OSError as error:
            self.refusal = error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek as a file does."""
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            if is_refusal(error):
                self.refusal = error
            raise


def is_refusal(error: Exception) -> TypeGuard[OSError]:
    """Say whether this is an error of the disk, not of a program that asked for nonsense."""
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


class Members:
    """The members of an open `.npz` file.

    Args:
        file: the file.
        compressed: whether members may be.
    """

    def __init__(self, file: Any, compressed: bool) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file)
        self._methods = {zipfile.ZIP_STORED} | ({zipfile.ZIP_DEFLATED} if compressed else set())
        self._unread = {info.filename: info for info in self._zip.infolist()}
        if len(self._unread) < len(self._zip.infolist()):
            raise ValueError("two of its members have one name")

    @property
    def unread(self) -> set[str]:
        """The names of those that have not been read."""
        return set(self._unread)

    def array(self, name: str, size: int | None = None, crc32: int | None = None) -> np.ndarray:
        """Read the array of a member, which has this size and checksum where they are known."""
        if name not in self._unread:
            raise ValueError(f"it has no {name!r:.80}, or refers to it twice")
        info = self._unread.pop(name)
        if size not in (None, info.file_size) or crc32 not in (None, info.CRC):
            raise ValueError(f"{name} is not the member that was written")
        self._check_sizes(info)
        with self._zip.open(info) as member:
            dtype, shape, order = _read_header(member)
            left = info.file_size - member.tell()
            if dtype.itemsize * math.prod(shape) != left or not dtype.itemsize:
                raise ValueError(f"{name} has {left} bytes for the shape {shape!s:.80}")
            content = np.empty(left, "uint8")
            _fill(content.data, member)
        return content.view(dtype).reshape(shape, order=order)

    def check_that_they_fill_the_file(self) -> None:
        """Raise if there is anything between the members: one that the directory has lost."""
        end = 0
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            if info.header_offset != end:
                break
            self._file.seek(end + 26)
            lengths = np.frombuffer(self._file.read(4), "<u2")
            end += _LOCAL_HEADER + int(lengths.sum()) + info.compress_size
        if end != self._zip.start_dir:
            raise ValueError(f"nothing says what stands at its byte {end}")

    def _check_sizes(self, info: zipfile.ZipInfo) -> None:
        """Raise if the member cannot have the size that it claims."""
        if info.compress_type not in self._methods:
            raise ValueError(f"{info.filename} is compressed by method {info.compress_type}")
        room = self._zip.start_dir - info.header_offset - _LOCAL_HEADER
        smallest, largest = info.compress_size, info.compress_size
        if info.compress_type == zipfile.ZIP_DEFLATED:
            smallest, largest = 0, info.compress_size * _LARGEST_RATIO
        if info.compress_size > room or not smallest <= info.file_size <= largest:
            raise ValueError(f"{info.filename} cannot have {info.file_size} bytes")


def _read_header(member: Any) -> tuple[np.dtype, tuple[int, ...], Any]:
    """Return the type, shape and order of an array, as `np.lib.format` writes it.

    NumPy's own way of reading it evaluates Python, which may take any memory, and warn.
    """
    if member.read(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"{member.name} is no array")
    found = _HEADER.fullmatch(member.read(int.from_bytes(member.read(2), "little")))
    if not found:
        raise ValueError(f"{member.name} has no header of an array")
    dtype, in_columns, shape = (group.decode() for group in found.groups())
    lengths = tuple(int(length) for length in shape.split(",") if length.strip())
    kind = np.dtype(dtype)
    if kind.kind not in PLAIN:
        raise ValueError(f"{member.name} is an array of {dtype}")
    return kind, lengths, "F" if in_columns == "True" else "C"


def _fill(content: memoryview, member: Any) -> None:
    """Read the rest of a member, at whose end `zipfile` compares the checksum."""
    at = 0
    while at < len(content):
        count = member.readinto(content[at : at + _PIECE])
        if not count:
            raise EOFError(f"{member.name} ends too early")
        at += count
    # Whatever `zipfile` has compared before: it compares the checksum with who asks for more.
    if member.read(1):
        raise ValueError(f"{member.name} goes on behind its end")
