"""Argument checks that all raise one form of sentence.

`rate` must be in [0, 1). Received: rate=1.2

A number, a bool or a name may be Python's, NumPy's, or an array of NumPy without axes; it is
returned as Python's own, which a config can hold. A tensor or variable is none: in a compiled
function it has no value yet.
"""

import math
import numbers
import os
import re
from collections.abc import Collection
from typing import Any

import numpy as np

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# Of a value that may be a large tensor, in characters.
_LONGEST = 80
# What is printed as it is written.
_LITERALS = (str, bytes, bool, int, float, complex, list, tuple, dict)


def invalid(name: str, requirement: str, value: object) -> ValueError:
    """Return the error that says what `name` must be and what was received instead."""
    return ValueError(f"`{name}` must be {requirement}. Received: {name}={value!r}")


def wrong_type(name: str, requirement: str, value: object) -> ValueError:
    """Return the same error with the value in one line, and its type where this does not show."""
    shown, kind = " ".join(repr(value).split()), type(value).__name__
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
    if value is not None and not isinstance(value, _LITERALS):
        shown += f" ({'an' if kind[0] in 'aeiouAEIO' else 'a'} {kind})"
    return ValueError(f"`{name}` must be {requirement}. Received: {name}={shown}")


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


def real(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    high_open: bool = False,
) -> float:
    """Return `value` as a float inside the interval from `low` to `high`, or raise."""
    left = "(" if low == -math.inf else "["
    right = ")" if high_open or high == math.inf else "]"
    interval = f"in {left}{low:g}, {high:g}{right}"
    number = _number(name, value, numbers.Real, f"a number {interval}")
    inside = (
        _is_finite(number) and low <= number and (number < high if high_open else number <= high)
    )
    if not inside:
        raise invalid(name, interval, value)
    return float(number)


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above zero, or raise."""
    number = _number(name, value, numbers.Real, "a number > 0")
    if not (_is_finite(number) and float(number) > 0):
        raise invalid(name, "a number > 0", value)
    return float(number)


def integer(name: str, value: Any, *, low: int | None = None) -> int:
    """Return `value` as an int, of at least `low` if given, or raise."""
    requirement = "an integer" if low is None else f"an integer >= {low}"
    number = _number(name, value, numbers.Integral, requirement)
    if low is not None and number < low:
        raise invalid(name, requirement, value)
    return int(number)


def seed(name: str, value: Any) -> int | None:
    """Return `value` as an int >= 0 of any size, or None if it is None, or raise.

    `folded` makes of it what every backend's generator holds.
    """
    return None if value is None else integer(name, value, low=0)


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is a bool, or raise."""
    plain = _plain(value)
    if not isinstance(plain, bool):
        raise wrong_type(name, "a bool", value)
    return plain


def one_of(name: str, value: Any, choices: Collection[Any]) -> Any:
    """Return `value` if it is among `choices`, or raise."""
    plain, listed = _plain(value), ", ".join(repr(choice) for choice in choices)
    # Some tensors raise where they are compared with a string.
    if not isinstance(plain, tuple({type(choice) for choice in choices})):
        raise wrong_type(name, f"one of {listed}", value)
    if plain not in choices:
        raise invalid(name, f"one of {listed}", value)
    return plain


def _number(name: str, value: Any, kind: type, requirement: str) -> Any:
    """Return a number of this kind as Python's own, or raise."""
    plain = _plain(value)
    if not isinstance(plain, kind) or isinstance(plain, bool):
        raise wrong_type(name, requirement, value)
    return plain


def _plain(value: Any) -> Any:
    """Return what NumPy holds without axes as Python's own, and all else as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and not value.ndim else value


def _is_finite(number: Any) -> bool:
    """Return whether a float can hold a number."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
