"""The tables that are printed, and the file in which runs are kept."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.diagnosis import scoring
from benchmarks.diagnosis.scoring import Run
from keras_trainkit.diagnosis.finding import CONDITIONS

FIGURES = {
    "root cause first": scoring.first_right,
    "faults found": scoring.faults_found,
    "runs with all faults found": scoring.runs_with_all_faults,
    "root causes that are right": scoring.precision,
    "healthy runs with an alarm above info": scoring.healthy_with_alarm,
    "static cases by preflight alone": scoring.static_by_preflight,
    "training faults within 20 % or 50 updates": scoring.early,
}


def lines(runs: Sequence[Run]) -> Iterator[str]:
    """Yield all tables."""
    for name, figure in FIGURES.items():
        yield f"{name:44} {figure(runs)}"
    yield ""
    yield from by_condition(runs)
    yield ""
    yield from by_family(runs)
    yield ""
    yield from cost(runs)


def by_condition(runs: Sequence[Run]) -> Iterator[str]:
    """Yield recall, precision and the time of detection for each condition."""
    yield f"{'condition':26} {'faults found':>20} {'right of all roots':>20}   found at"
    for condition in CONDITIONS:
        at = scoring.found_at(runs, condition)
        yield (
            f"{condition:26} {scoring.recall(runs, condition)!s:>20} "
            f"{scoring.precision(runs, condition)!s:>20}   "
            + ("-" if np.isnan(at) else f"{100 * at:.0f} % of the updates")
        )


def by_family(runs: Sequence[Run]) -> Iterator[str]:
    """Yield how often the root cause stands first, and false alarms, for each kind of network."""
    yield f"{'family':26} {'root cause first':>20} {'healthy with alarm':>20}"
    for family in sorted({run.case.family for run in runs}):
        own = [run for run in runs if run.case.family == family]
        first, alarm = scoring.first_right(own), scoring.healthy_with_alarm(own)
        yield f"{family:26} {first!s:>20} {alarm!s:>20}"


def cost(runs: Sequence[Run]) -> Iterator[str]:
    """Yield what was spent."""
    for name in ("preflight", "diagnosis", "training"):
        seconds = [run.seconds[name] for run in runs if name in run.seconds]
        if seconds:
            median, most = np.median(seconds), max(seconds)
            yield f"seconds of a {name:20} {median:6.2f} median {most:6.2f} at most"


def misses(runs: Sequence[Run]) -> Iterator[str]:
    """Yield each run whose first finding is wrong, whose faults are not all found, or an alarm."""
    for run in runs:
        named = [_name(found) for found in scoring.alarms(run.diagnosis)]
        before = [_name(found) for found in scoring.alarms(run.preflight)]
        lost = [f.name for f in run.case.faults if not scoring.is_found(f, run.diagnosis)]
        wrong = bool(named or before)
        if run.case.faults:
            wrong = bool(lost) or not scoring.is_first_right(run.case, run.diagnosis)
            wrong |= run.case.is_static and not scoring.is_first_right(run.case, run.preflight)
        if wrong:
            yield (
                f"{run.case.label:32} {run.case.name:52} seed {run.seed}  before: "
                f"{', '.join(before) or '-'}  after: {', '.join(named) or '-'}  "
                f"not found: {', '.join(lost) or '-'}"
            )


def keep(runs: Sequence[Run], backend: str, path: str | os.PathLike) -> None:
    """Write the names of what was found to a JSON file."""
    rows = [
        {
            "case": run.case.name,
            "seed": run.seed,
            "before": _names(run.preflight),
            "after": _names(run.diagnosis),
            "detected": run.detected,
            "score": run.score,
        }
        for run in runs
    ]
    with open(path, "w") as file:
        json.dump({"backend": backend, "runs": rows}, file, indent=1)


def agreement(files: Sequence[str | os.PathLike]) -> scoring.Share:
    """Return how many of the findings that any of the files has are in all of them."""
    tables = []
    for path in files:
        with open(path) as file:
            rows = json.load(file)["runs"]
        tables.append({(r["case"], r["seed"], name) for r in rows for name in set(r["after"])})
    counts = Counter(key for table in tables for key in table)
    return scoring.Share(sum(n == len(files) for n in counts.values()), len(counts))


def _names(findings: Sequence[scoring.Found]) -> list[str]:
    return [_name(found) for found in scoring.alarms(findings)]


def _name(found: scoring.Found) -> str:
    return found["detail"] or found["condition"]
