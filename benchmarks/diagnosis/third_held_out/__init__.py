"""Trainings on which nothing was tuned: a third set, of mistakes as notebooks have them."""

from benchmarks.diagnosis.case import Cases
from benchmarks.diagnosis.third_held_out import (
    data,
    heads,
    healthy,
    networks,
    rates,
    several,
    targets,
)

SUBJECTS = (heads, targets, data, rates, networks, several, healthy)


def cases() -> Cases:
    """Return all of them."""
    return tuple(case for subject in SUBJECTS for case in subject.cases())
