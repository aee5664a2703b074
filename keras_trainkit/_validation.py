"""Argument checks that all raise one form of sentence.

`rate` must be in [0, 1). Received: rate=1.2
"""

import math
import numbers
import os
import re
from collections.abc import Collection
from typing import Any

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def invalid(name: str, requirement: str, value: object) -> ValueError:
    """Return the error that says what `name` must be and what was received instead."""
    return ValueError(f"`{name}` must be {requirement}. Received: {name}={value!r}")


def built_model(model: Any) -> Any:
    """Return `model` if its layers have their weights, or raise."""
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on a batch first. "
            f"Received: model={model.name!r}, built=False"
        )
    return model


def folder(name: str, value: Any) -> str:
    """Return the absolute path of a folder on this machine, `~` replaced, or raise."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise invalid(name, "the path of a folder", value)
    path = os.fspath(value)
    if not path or "\0" in path:
        raise invalid(name, "the path of a folder", value)
    if _REMOTE.match(path):
        raise invalid(name, "the path of a folder on this machine", value)
    # `chdir` later on must not move it.
    return os.path.abspath(os.path.expanduser(path))


def _is_finite(value: Any) -> bool:
    """Return whether it is a number that a float can hold."""
    try:
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    except OverflowError:
        return False


def real(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    high_open: bool = False,
) -> float:
    """Return `value` as a float inside the interval from `low` to `high`, or raise."""
    inside = _is_finite(value) and low <= value and (value < high if high_open else value <= high)
    if not inside:
        left = "(" if low == -math.inf else "["
        right = ")" if high_open or high == math.inf else "]"
        raise invalid(name, f"in {left}{low:g}, {high:g}{right}", value)
    return float(value)


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above zero, or raise."""
    if not (_is_finite(value) and float(value) > 0):
        raise invalid(name, "a number > 0", value)
    return float(value)


def integer(name: str, value: Any, *, low: int | None = None) -> int:
    """Return `value` as an int, of at least `low` if given, or raise."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or (low is not None and value < low):
        raise invalid(name, "an integer" if low is None else f"an integer >= {low}", value)
    return int(value)


def seed(name: str, value: Any) -> int | None:
    """Return `value` as an int >= 0 of any size, or None if it is None, or raise.

    `folded` makes of it what every backend's generator holds.
    """
    return None if value is None else integer(name, value, low=0)


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is a bool, or raise."""
    if not isinstance(value, bool):
        raise invalid(name, "a bool", value)
    return value


def one_of(name: str, value: Any, choices: Collection[Any]) -> Any:
    """Return `value` if it is among `choices`, or raise."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise invalid(name, f"one of {listed}", value)
    return value
