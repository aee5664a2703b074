"""A lock on a path that two trainings must not write at once."""

import atexit
import contextlib
import os
import socket
import warnings
import weakref
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK = ".lock"
_held: weakref.WeakSet["Lock"] = weakref.WeakSet()


class Lock:
    """Held by one holder in one process at a time, from `acquire` to `release`.

    The operating system holds it, over a network the server: that of a killed process is free. The
    file beside the path says who the holder is, and goes when the lock is released or forgotten, or
    the process ends. Neither a copy nor a fork of the holder holds it.

    Args:
        path: str. Absolute path of a file, which need not exist; its folder is made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = Path(f"{path}{LOCK}")
        self._process: int | None = None
        self._finalizer: weakref.finalize | None = None

    def acquire(self) -> bool:
        """Take the lock unless another holds it; return whether the path may be written to.

        Where nothing can be locked it may, with a warning.
        """
        if self._process == os.getpid():
            return True
        if not self._lock():
            return False
        self._process = os.getpid()
        return True

    @property
    def holder(self) -> str:
        """Who holds it, as far as that is known."""
        known = "another process"
        with contextlib.suppress(OSError, ValueError):
            known = self._file.read_text() or known
        if os.access(self._file, os.W_OK) or not self._file.exists():
            return known
        return f"{known} (or nobody: another user's {self._file} cannot be opened)"

    def release(self) -> None:
        """Give it up; without it nothing happens."""
        self._process = None
        if self._finalizer:
            self._finalizer()

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock, (self.path,)

    def _lock(self) -> bool:
        # Whichever thread releases it; and no lock of its own kind where the system has none.
        lock = FileLock(self._file, blocking=False, thread_local=False, fallback_to_soft=False)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            locked = os.stat(self._file)
        except Timeout:
            return False
        except OSError as error:
            return self._unlocked(error)
        self._finalizer = weakref.finalize(self, _give_up, lock, self._file, locked)
        _held.add(self)
        with contextlib.suppress(OSError):
            self._file.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        return True

    def _unlocked(self, error: OSError) -> bool:
        """Return whether the path may be written to although it cannot be locked."""
        exists = os.path.exists(self._file)
        if exists and isinstance(error, PermissionError):
            return False  # Another user's; whether it is held only that one can tell.
        if exists:  # Else nothing can be written there, as whoever tries will say.
            warnings.warn(
                f"{self._file} cannot be locked: {error.strerror or error}. See to it that no "
                "other training writes there.",
                stacklevel=2,
            )
        return True


# A finalizer's own turn may come after that of the library, which leaves the files.
@atexit.register
def _release_all() -> None:
    for lock in list(_held):
        lock.release()


def _give_up(lock: FileLock, file: Path, locked: os.stat_result) -> None:
    if lock.is_locked:  # Not by a fork.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(file), locked):  # Not one that came after a clean-up.
                file.unlink()
        with contextlib.suppress(OSError):
            lock.release()
