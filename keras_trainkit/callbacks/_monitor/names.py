"""Names that tell layers and variables of one path apart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from keras_trainkit._selection import path_of
from keras_trainkit.diagnosis.history import layer_of


def repeats(paths: Sequence[str]) -> list[str]:
    """Return for each path "", or "#2" and so on where it is not the first of its kind."""
    seen: Counter[str] = Counter()
    marks = []
    for path in paths:
        seen[path] += 1
        marks.append(f"#{seen[path]}" if seen[path] > 1 else "")
    return marks


def unique_paths(variables: Sequence[Any]) -> tuple[str, ...]:
    """Return the paths; the second `layer/kernel` becomes `layer#2/kernel`."""
    paths = [path_of(variable) for variable in variables]
    owners = [layer_of(path) for path in paths]
    return tuple(
        owner + mark + path[len(owner) :]
        for path, owner, mark in zip(paths, owners, repeats(paths), strict=True)
    )
