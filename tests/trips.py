"""Which files of the package run: those that a reader opens to follow what happens."""

import contextlib
import sys
from pathlib import Path

import keras_trainkit

PACKAGE = Path(keras_trainkit.__file__).parent


@contextlib.contextmanager
def files_run():
    """Return a set that takes in the files, below the package, whose functions are called."""
    found = set()

    def note(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            found.add(path.relative_to(PACKAGE).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
