"""Trainings that work: nothing above `info` may be found in them."""

from benchmarks.diagnosis.case import Case, Cases
from benchmarks.diagnosis.healthy import false_friends, usual, variations


def cases() -> Cases:
    """Return all healthy cases."""
    named = usual.RECIPES | variations.RECIPES | false_friends.RECIPES
    return tuple(Case(name, recipe) for name, recipe in named.items())
