"""Broken trainings, by subject."""

from benchmarks.diagnosis.broken import (
    batch_norm,
    data,
    heads,
    initial_weights,
    labels,
    losses,
    masks,
    networks,
    overfitting,
    plans,
    rates,
    regularization,
    several,
)
from benchmarks.diagnosis.case import Cases

SUBJECTS = (
    heads,
    losses,
    labels,
    data,
    masks,
    plans,
    rates,
    networks,
    initial_weights,
    regularization,
    batch_norm,
    overfitting,
    several,
)


def cases() -> Cases:
    """Return all broken cases."""
    return tuple(case for subject in SUBJECTS for case in subject.cases())
