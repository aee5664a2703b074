"""The choice of combinations for the short form misses no two values."""

import itertools

import pytest

from tests.selection import full_on_torch, pairs

pytestmark = pytest.mark.host


def test_pairs_hold_every_two_values_together():
    dimensions = ("ab", (1, 2, 3), (None, {}), (True, False))
    chosen = pairs(*dimensions)
    assert len(chosen) < 24 / 2
    for one, other in itertools.combinations(range(4), 2):
        for both in itertools.product(dimensions[one], dimensions[other]):
            assert both in [(each[one], each[other]) for each in chosen]


def test_only_what_is_kept_runs_everywhere():
    named = pytest.param(3, id="three", marks=pytest.mark.oldest)
    cases = full_on_torch([(1, 2), "b", named], keep=[(1, 2)])
    assert [case.values for case in cases] == [(1, 2), ("b",), (3,)]
    marks = [[(mark.name, mark.args) for mark in case.marks] for case in cases]
    assert marks == [[], [("short", ("torch",))], [("oldest", ()), ("short", ("torch",))]]
    with pytest.raises(AssertionError, match="four"):
        full_on_torch([named], keep=["four"])
