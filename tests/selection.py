"""What the short form of the tests leaves out; `make test-long` has everything everywhere."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def pairs(*dimensions: Sequence[Any]) -> list[tuple]:
    """Return few of all combinations, with every two values of two dimensions in one of them."""
    combinations = list(itertools.product(*(range(len(values)) for values in dimensions)))
    missing = set().union(*map(_pairs_in, combinations))
    chosen = []
    while missing:
        best = max(combinations, key=lambda each: len(missing & _pairs_in(each)))
        chosen.append(tuple(values[i] for values, i in zip(dimensions, best, strict=True)))
        missing -= _pairs_in(best)
    return chosen


def _pairs_in(combination: tuple) -> set:
    """Return the pairs of values with their places."""
    return set(itertools.combinations(enumerate(combination), 2))


def full_on_torch(cases: Iterable[Any], keep: Collection) -> list[ParameterSet]:
    """Return parameters of which, in the short form, all but those in `keep` run on PyTorch alone.

    A case is known by its id, or by its values. What PyTorch cannot run is not left out.
    """
    cases = [case if isinstance(case, ParameterSet) else _parameter(case) for case in cases]
    names = [_name(case) for case in cases]
    assert all(kept in names for kept in keep), f"not all of {keep} are among {names}"
    on_torch = pytest.mark.short("torch")
    return [
        case if name in keep else case._replace(marks=(*case.marks, on_torch))
        for case, name in zip(cases, names, strict=True)
    ]


def _parameter(case: Any) -> ParameterSet:
    return pytest.param(*case) if isinstance(case, tuple) else pytest.param(case)


def _name(case: ParameterSet) -> Any:
    return case.id or (case.values[0] if len(case.values) == 1 else case.values)
