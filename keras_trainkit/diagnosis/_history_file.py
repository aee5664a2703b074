"""The file of a history: what it holds, and how the files of older versions are read."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit.diagnosis.nonfinite import NonFinite

HOLDS = "keras_trainkit.History"
VERSION = 3
_ARRAYS = ("steps", "epochs", "variables", "sizes", "table", "signal", "noise", "histograms")


def write(path: str, fields: Mapping[str, Any], statistics: Sequence[str]) -> None:
    """Write the fields of a `History`; `statistics` names the columns of the table."""
    activations = fields["activations"]
    content = {
        **fields,
        "version": VERSION,
        "statistics": [*statistics],
        "logs": {name: np.asarray(values) for name, values in fields["logs"].items()},
        "activations": None if activations is None else vars(activations),
        "events": [asdict(event) for event in fields["events"]],
    }
    archive.write(path, content, HOLDS, compressed=True)


def read(file: BinaryIO, statistics: Sequence[str]) -> dict[str, Any]:
    """Return the fields; columns of the table that an older version lacks are NaN.

    `activations` is a dict of the fields of `Activations`, or None.

    A file that is damaged, is something else or is of a newer version raises any of
    `_archive.UNREADABLE`.
    """
    with zipfile.ZipFile(file) as members:
        is_old = "format.npy" in members.namelist()
    content = _content_of_version_2(file) if is_old else archive.read_from(file, HOLDS)
    columns = tuple(content["statistics"])
    if content["version"] > VERSION or columns != tuple(statistics[: len(columns)]):
        raise ValueError(f"its version is {content['version']}, this is {VERSION}")
    names = (*_ARRAYS, "logs", "activations")
    fields = {name: content[name] for name in names if name in content}
    fields["table"] = _widened(content["table"], len(statistics) - len(columns))
    fields["events"] = [NonFinite(**event) for event in content["events"]]
    return fields


def _content_of_version_2(file: BinaryIO) -> dict[str, Any]:
    """Return what versions 1 and 2, one array per field, have of a file's content."""
    file.seek(0)
    with np.load(file, allow_pickle=False) as members:
        content = {name: members[name] for name in members.files}
    if content["format"] != HOLDS:
        raise ValueError(f"its format is {content['format']}")
    return {
        **content,
        "logs": _below("logs/", content),
        "activations": _below("activations/", content) or None,
        "events": json.loads(str(content.get("events", "[]"))),
    }


def _below(prefix: str, content: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}


def _widened(table: np.ndarray, columns: int) -> np.ndarray:
    """Append columns of NaN, in the smallest type, which leaves that of the table."""
    return np.concatenate((table, np.full((*table.shape[:2], columns), np.nan, "float16")), axis=2)
