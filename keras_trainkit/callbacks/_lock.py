"""A lock on a path that two trainings must not write at once."""

import contextlib
import os
import socket
import warnings
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"


class Lock:
    """Held by one holder in one process at a time, from `acquire` to `release`.

    The operating system holds it, over a network the server: that of a killed process is free. The
    file beside the path says who the holder is, and goes when it is released.

    Args:
        path: str. Absolute path of a file, which need not exist; its folder is made.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(f"{path}{LOCK}")
        self._lock = FileLock(self._file, blocking=False)

    def acquire(self) -> bool:
        """Take the lock unless another holds it; return whether the path may be written to.

        Where nothing can be locked it may, with a warning.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return True  # Whoever writes there will say so.
        try:
            self._lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            warnings.warn(
                f"{self._file} cannot be locked: {error.strerror or error}. See to it that no "
                "other training writes there.",
                stacklevel=2,
            )
        else:
            with contextlib.suppress(OSError):
                self._file.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        return True

    @property
    def holder(self) -> str:
        """Who holds it, as far as that is known."""
        with contextlib.suppress(OSError, ValueError):
            if written := self._file.read_text():
                return written
        return "another process"

    def release(self) -> None:
        """Give it up; without it nothing happens."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._lock.release()
