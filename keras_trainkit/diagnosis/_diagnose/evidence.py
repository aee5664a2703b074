"""A measured number beside the limit of its name."""

from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis.finding import Evidence


def beside(case: Case, name: str, value: float, limit: str) -> Evidence:
    """Return a number with a limit of `Thresholds`, and where the limit comes from."""
    return Evidence(name, float(value), getattr(case.limits, limit), case.limits.source(limit))
