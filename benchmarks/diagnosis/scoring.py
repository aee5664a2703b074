"""The bookkeeping: which findings are right, and how many are."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from benchmarks.diagnosis.case import Case, Fault

# A finding as `Finding.to_dict` gives it.
Found = Mapping[str, Any]
# Training faults have to be found within this share of the planned updates, or so many of them.
EARLY_SHARE, EARLY_UPDATES = 0.2, 50


@dataclass(frozen=True)
class Run:
    """What was found in one training.

    Args:
        case: `Case`.
        seed: integer.
        preflight: findings before the training, most important first.
        diagnosis: findings after it.
        detected: integer. The updates after which the first finding was right; `None` for never.
        updates: integer. How many were planned.
        seconds: dict. What preflight, a diagnosis and the training took.
        score: float. How good the trained model is.
    """

    case: Case
    seed: int
    preflight: Sequence[Found] = ()
    diagnosis: Sequence[Found] = ()
    detected: int | None = None
    updates: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    score: float = math.nan


class Share(NamedTuple):
    """How many of how many."""

    part: int
    whole: int

    def __str__(self) -> str:
        """Return the numbers and the percentage."""
        percent = f"{100 * self.part / self.whole:5.1f} %" if self.whole else "      -"
        return f"{self.part:4} of {self.whole:4} {percent}"


def alarms(findings: Sequence[Found]) -> list[Found]:
    """Return the findings above `info`, without what follows from them."""
    return [found for found in findings if found["severity"] != "info"]


def everything(findings: Sequence[Found]) -> Iterator[Found]:
    """Yield the findings above `info` and, beneath, their consequences."""
    for found in alarms(findings):
        yield found
        yield from everything(found["consequences"])


def bears(found: Found, names: frozenset[str]) -> bool:
    """Return whether a finding has one of the names: its detail, its condition if it has none.

    A condition among the names stands for all of its details.
    """
    return (found["detail"] or found["condition"]) in names or found["condition"] in names


def is_first_right(case: Case, findings: Sequence[Found]) -> bool:
    """Return whether the first finding is one of the faults."""
    roots = alarms(findings)
    return bool(roots) and bears(roots[0], case.accepted)


def is_found(fault: Fault, findings: Sequence[Found]) -> bool:
    """Return whether a fault is among the findings or their consequences."""
    return any(bears(found, fault.names) for found in everything(findings))


def is_early(run: Run) -> bool:
    """Return whether the first finding was right in time."""
    latest = max(EARLY_UPDATES, EARLY_SHARE * run.updates)
    return run.detected is not None and run.detected <= latest


def first_right(runs: Sequence[Run]) -> Share:
    """Return in how many broken runs the root cause stands first."""
    return _share([r for r in runs if r.case.faults], lambda r: is_first_right(r.case, r.diagnosis))


def faults_found(runs: Sequence[Run]) -> Share:
    """Return how many of all faults are found."""
    each = [is_found(fault, run.diagnosis) for run in runs for fault in run.case.faults]
    return Share(sum(each), len(each))


def runs_with_all_faults(runs: Sequence[Run]) -> Share:
    """Return in how many broken runs all faults are found."""
    broken = [run for run in runs if run.case.faults]
    return _share(broken, lambda r: all(is_found(f, r.diagnosis) for f in r.case.faults))


def healthy_with_alarm(runs: Sequence[Run]) -> Share:
    """Return in how many healthy runs there is an alarm, before the training or after it."""
    healthy = [run for run in runs if not run.case.faults]
    return _share(healthy, lambda r: bool(alarms(r.preflight) or alarms(r.diagnosis)))


def static_by_preflight(runs: Sequence[Run]) -> Share:
    """Return for how many static runs preflight alone puts the root cause first."""
    static = [run for run in runs if run.case.is_static]
    return _share(static, lambda r: is_first_right(r.case, r.preflight))


def early(runs: Sequence[Run]) -> Share:
    """Return how many training faults, without overfitting, were found in time."""
    shown = [r for r in runs if r.case.faults and not r.case.is_static]
    return _share([r for r in shown if r.case.condition != "overfitting"], is_early)


def recall(runs: Sequence[Run], condition: str) -> Share:
    """Return how many faults of a condition are found, beneath another finding or not."""
    each = [
        is_found(fault, run.diagnosis)
        for run in runs
        for fault in run.case.faults
        if fault.condition == condition
    ]
    return Share(sum(each), len(each))


def precision(runs: Sequence[Run], condition: str = "") -> Share:
    """Return how many root causes, of a condition, are right, healthy runs among them."""
    each = [
        bears(found, run.case.accepted)
        for run in runs
        for found in alarms(run.diagnosis)
        if condition in ("", found["condition"])
    ]
    return Share(sum(each), len(each))


def found_at(runs: Sequence[Run], condition: str) -> float:
    """Return the median share of the planned updates after which a condition stands first."""
    shares = [
        run.detected / max(run.updates, 1)
        for run in runs
        if run.case.condition == condition and run.detected is not None
    ]
    return float(np.median(shares)) if shares else math.nan


def _share(runs: Sequence[Run], is_so: Callable[[Run], bool]) -> Share:
    return Share(sum(map(is_so, runs)), len(runs))
