"""Trainings on which nothing was tuned, broken and healthy.

They were written after the rules, by somebody who had not read them.
"""

from benchmarks.diagnosis.case import Cases
from benchmarks.diagnosis.held_out import (
    batches,
    data,
    heads,
    healthy,
    networks,
    rates,
    several,
    targets,
)

SUBJECTS = (heads, targets, data, rates, networks, batches, several, healthy)


def cases() -> Cases:
    """Return all of them."""
    return tuple(case for subject in SUBJECTS for case in subject.cases())
