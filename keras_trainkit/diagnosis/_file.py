"""A history as one `.npz` file: every array under its name, nothing pickled."""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from keras_trainkit.diagnosis.activations import Activations
from keras_trainkit.diagnosis.nonfinite import NonFinite

if TYPE_CHECKING:
    from keras_trainkit.diagnosis.history import History

FORMAT = "keras_trainkit.History"
VERSION = 2
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_ARRAYS = ("steps", "epochs", "variables", "sizes", "table", "signal", "noise", "histograms")
_LOGS = "logs/"
_ACTIVATIONS = "activations/"


def write(path: str | os.PathLike, history: "History", statistics: Sequence[str]) -> None:
    """Write everything; `statistics` names the columns of the table."""
    content: dict[str, Any] = {"format": FORMAT, "version": VERSION, "statistics": statistics}
    content |= {name: getattr(history, name) for name in _ARRAYS}
    content |= {_LOGS + name: values for name, values in history.logs.items()}
    if history.activations is not None:
        content |= {_ACTIVATIONS + name: v for name, v in vars(history.activations).items()}
    content["events"] = json.dumps([asdict(event) for event in history.events])
    with open(path, "wb") as file:
        np.savez_compressed(file, **{k: v for k, v in content.items() if v is not None})


def read(file: BinaryIO, statistics: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a `History`; columns that an older version lacks are NaN."""
    with np.load(file, allow_pickle=False) as archive:
        content = {name: archive[name] for name in archive.files}
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']}")
    columns = tuple(content["statistics"])
    if content["version"] > VERSION or columns != tuple(statistics[: len(columns)]):
        raise ValueError(f"its version is {content['version']}, this is {VERSION}")
    fields: dict[str, Any] = {name: content[name] for name in _ARRAYS if name in content}
    fields["table"] = _widened(content["table"], len(statistics) - len(columns))
    fields["logs"] = _below(_LOGS, content)
    if activations := _below(_ACTIVATIONS, content):
        fields["activations"] = Activations(**activations)
    fields["events"] = [NonFinite(**e) for e in json.loads(str(content.get("events", "[]")))]
    return fields


def _below(prefix: str, content: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}


def _widened(table: np.ndarray, columns: int) -> np.ndarray:
    """Append columns of NaN, in the smallest type, which leaves that of the table."""
    return np.concatenate((table, np.full((*table.shape[:2], columns), np.nan, "float16")), axis=2)
