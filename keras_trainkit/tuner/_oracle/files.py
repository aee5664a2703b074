"""Files that are there whole, or not at all."""

import json
import os
from typing import Any

from keras_trainkit._archive import UNFINISHED


def write_json(path: str, content: Any) -> None:
    """Write a file of text; see `write_bytes`."""
    write_bytes(path, json.dumps(content).encode())


def write_bytes(path: str, content: bytes) -> None:
    """Write beside the file, and put the new one in its place when it is on the disk.

    A process that is killed leaves the file as it was, and beside it at most one that ends in
    `.part`, which the next write replaces.
    """
    unfinished = f"{path}{UNFINISHED}"
    with open(unfinished, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def read_json(path: str) -> Any:
    """Return what the file holds.

    Raises:
        OSError: if the file is missing or the disk refuses.
        ValueError: if it is no JSON; this names the file.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
