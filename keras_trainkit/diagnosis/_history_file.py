"""The file of a history: what it holds, and how the files of older versions are read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from keras_trainkit import _archive as archive
from keras_trainkit._npz_members import Members
from keras_trainkit.diagnosis.facts import Facts
from keras_trainkit.diagnosis.nonfinite import NonFinite

HOLDS = "keras_trainkit.History"
VERSION = 4
_WITHOUT_FACTS = 3
# The kinds of numbers that arrays hold.
_ARRAYS = {
    "steps": "iu",
    "epochs": "iu",
    "sizes": "iu",
    "table": "biuf",
    "signal": "iuf",
    "noise": "iuf",
    "histograms": "u",
}
_FIELDS = (*_ARRAYS, "variables", "logs", "activations", "outcomes")
_OF_PROBE = {"epochs": "iu", "table": "biuf"}
_NAMES_OF_PROBES = {"activations": ("layers", "kinds"), "outcomes": ("names",)}
# JSON alone, which held the events of version 2, has no tuples.
_FACTS = {
    field.name: field.type if isinstance(field.type, type) else (tuple, list)
    for field in fields(NonFinite)
}
_LOGS, _ACTIVATIONS = "logs/", "activations/"
# What files of one array per field have to hold, by version, and what else they may.
_FIRST = {"format", "version", "statistics", "steps", "epochs", "variables", "sizes", "table"}
_REQUIRED = {1: _FIRST, 2: _FIRST | {"signal", "noise", "events"}}
_OPTIONAL = {
    *("histograms", "signal", "noise", "events"),
    *(_ACTIVATIONS + name for name in ("epochs", "layers", "kinds", "table")),
}


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
        "facts": None if fields["facts"] is None else fields["facts"].to_dict(),
        "outcomes": None if fields["outcomes"] is None else vars(fields["outcomes"]),
    }
    archive.write(path, content, HOLDS, compressed=True)


def read(members: Members, statistics: Sequence[str]) -> dict[str, Any]:
    """Return the fields; columns of the table that an older version lacks are NaN.

    `activations` is a dict of the fields of `Activations`, or None; so with `outcomes`.

    A file that is damaged, is something else or is of a newer version raises any `Exception`.
    """
    is_old = "format.npy" in members.unread
    content = _old_content(members) if is_old else archive.state_in(members, HOLDS)
    if content["version"] not in (_WITHOUT_FACTS, VERSION):
        raise _other_version(content["version"])
    facts = content["facts"] if content["version"] == VERSION else None
    content = {"outcomes": None, **content}
    columns = tuple(content["statistics"])
    if columns != tuple(statistics[: len(columns)]):
        raise ValueError("its statistics are others")
    _check(content)
    return {
        **{name: content[name] for name in _FIELDS},
        "table": _widened(content["table"], len(statistics) - len(columns)),
        "events": [NonFinite(**event) for event in content["events"]],
        "facts": None if facts is None else Facts.from_dict(facts),
    }


def _check(content: Mapping[str, Any]) -> None:
    """Raise if a field is of another kind than the fields that are written."""
    optional = [name for name in ("histograms", "activations") if content[name] is None]
    _check_arrays(content, {name: _ARRAYS[name] for name in _ARRAYS if name not in optional})
    _check_text(content, "variables")
    _check_events(content["events"])
    if not all(isinstance(log, np.ndarray) for log in content["logs"].values()):
        raise ValueError("its logs are no arrays")
    for probe, names in _NAMES_OF_PROBES.items():
        if content[probe] is not None:
            _check_arrays(content[probe], _OF_PROBE)
            for name in names:
                _check_text(content[probe], name)


def _check_arrays(content: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
    for name, expected in kinds.items():
        array = content[name]
        if not (isinstance(array, np.ndarray) and array.dtype.kind in expected):
            raise ValueError(f"its {name} are no such numbers")


def _check_text(content: Mapping[str, Any], name: str) -> None:
    names = content[name]
    if not (isinstance(names, tuple) and all(isinstance(each, str) for each in names)):
        raise ValueError(f"its {name} are no names")


def _check_events(events: Any) -> None:
    if not isinstance(events, list):
        raise ValueError("its events are no list")
    for facts in events:
        for name, kind in _FACTS.items():
            if not isinstance(facts[name], kind):
                raise ValueError(f"the {name} of an event is {facts[name]!r:.80}")
        if not all(isinstance(name, str) for name in facts["variables"]):
            raise ValueError("the variables of an event are no names")


def _old_content(members: Members) -> dict[str, Any]:
    """Return what versions 1 and 2, one array per field, have of this version's content.

    The directory of such a file says by itself what belongs to it.
    """
    members.check_that_they_fill_the_file()
    names = {name.removesuffix(".npy") for name in members.unread}
    head = {name: members.array(f"{name}.npy").tolist() for name in ("format", "version")}
    if head["format"] != HOLDS:
        raise ValueError(f"its format is {head['format']!s:.80}")
    required = _REQUIRED.get(head["version"])
    if required is None:
        raise _other_version(head["version"])
    strange = {name for name in names - required - _OPTIONAL if not name.startswith(_LOGS)}
    if strange or required - names:
        raise ValueError(f"it has not the parts of version {head['version']}")
    content = {name: members.array(f"{name}.npy") for name in sorted(names - set(head))}
    return {
        **dict.fromkeys(("signal", "noise"), np.array(np.nan)),
        "histograms": None,
        **content,
        "version": _WITHOUT_FACTS,
        "variables": tuple(content["variables"].tolist()),
        "statistics": content["statistics"].tolist(),
        "logs": _below(_LOGS, content),
        "activations": _old_activations(_below(_ACTIVATIONS, content)),
        "events": json.loads(str(content.get("events", "[]"))),
    }


def _old_activations(found: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    if not found:
        return None
    return {**found, **{name: tuple(found[name].tolist()) for name in ("layers", "kinds")}}


def _below(prefix: str, content: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}


def _other_version(version: Any) -> ValueError:
    return ValueError(f"its version is {version!s:.80}, this is {VERSION}")


def _widened(table: np.ndarray, columns: int) -> np.ndarray:
    """Append columns of NaN, in the smallest type, which leaves that of the table."""
    if not columns:
        return table
    return np.concatenate((table, np.full((*table.shape[:2], columns), np.nan, "float16")), axis=2)
