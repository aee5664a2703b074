"""The paths of variables: patterns that choose some, and marks that tell equal ones apart."""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_trainkit._validation import invalid, real


def path_of(variable: Any) -> str:
    """Return the path of a Keras variable, or the name of a backend's own."""
    return getattr(variable, "path", variable.name)


def pattern_of(variable: Any) -> str:
    """Return the pattern for one variable, also where its path has lost the model's name."""
    # A loaded `Sequential` does not stand in its variables' paths.
    model, slash, rest = path_of(variable).partition("/")
    return rf"^(?:{re.escape(model)}/)?{re.escape(rest)}$" if slash else rf"^{re.escape(model)}$"


def checked_patterns(name: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns, or raise if one is no regular expression."""
    if isinstance(patterns, str) or not isinstance(patterns, Iterable):
        raise invalid(name, "a sequence of paths or regular expressions", patterns)
    patterns = tuple(patterns)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise invalid(name, "made of paths or regular expressions", pattern) from error
    return patterns


def checked_factors(name: str, factors: Mapping[str, float] | None) -> dict[str, float]:
    """Return a dict from patterns to numbers >= 0, empty for None, or raise."""
    if factors is None:
        return {}
    if not isinstance(factors, Mapping):
        raise invalid(name, "a dict from paths or patterns to numbers", factors)
    checked_patterns(name, factors)
    return {
        pattern: real(f"{name}[{pattern!r}]", factor, low=0.0)
        for pattern, factor in factors.items()
    }


def matches(pattern: str, variable: Any) -> bool:
    """Say whether `pattern` fits whole segments of the path: "dense" fits "net/dense/kernel"."""
    return re.search(rf"(?:^|/)(?:{pattern})(?:/|$)", path_of(variable)) is not None


def matched(
    name: str, patterns: Sequence[str], variables: Sequence[keras.Variable]
) -> list[str | None]:
    """Return for each variable the first pattern that fits; warn of one that fits none."""
    for pattern in patterns:
        if not any(matches(pattern, variable) for variable in variables):
            paths = ", ".join(map(path_of, variables))
            warnings.warn(
                f"`{name}` names {pattern!r}, which no variable fits: {paths}", stacklevel=2
            )
    return [next((p for p in patterns if matches(p, v)), None) for v in variables]


def repeats(paths: Sequence[str]) -> list[str]:
    """Return for each path "", or "#2" and so on where it is not the first of its kind."""
    seen: Counter[str] = Counter()
    marks = []
    for path in paths:
        seen[path] += 1
        marks.append(f"#{seen[path]}" if seen[path] > 1 else "")
    return marks
