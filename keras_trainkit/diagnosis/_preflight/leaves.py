"""The arrays in nested inputs and targets, in Keras's order, and what to call them."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Leaf(NamedTuple):
    """One array: its name, the outermost key or position that leads to it, and itself."""

    name: str
    key: Any
    value: Any


def leaves_of(name: str, structure: Any) -> Iterator[Leaf]:
    """Yield what is in dicts (by the order of their keys), lists and tuples, and is not `None`."""
    return _leaves(name, None, structure)


def _leaves(name: str, key: Any, structure: Any) -> Iterator[Leaf]:
    if isinstance(structure, dict):
        parts: list[tuple[Any, Any]] = sorted(structure.items(), key=lambda item: str(item[0]))
    elif isinstance(structure, list | tuple):
        parts = list(enumerate(structure))
    else:
        if structure is not None:
            yield Leaf(name, key, structure)
        return
    for part_key, part in parts:
        yield from _leaves(f"{name}[{part_key!r}]", part_key if key is None else key, part)
