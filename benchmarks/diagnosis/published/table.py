"""What is found in each program, as a table."""

from collections.abc import Iterator, Sequence

from benchmarks.diagnosis import scoring
from benchmarks.diagnosis.scoring import Found, Run

COLUMNS = ("program", "true faults", "first before", "first after", "root first", "all faults")


def lines(runs: Sequence[Run]) -> Iterator[str]:
    """Yield a Markdown table with a row for each run, and the totals beneath."""
    yield _row(COLUMNS)
    yield _row(["---"] * len(COLUMNS))
    for run in runs:
        yield _row(cells(run))
    yield ""
    yield from totals(runs)


def cells(run: Run) -> list[str]:
    """Return a program, its faults, the first findings and whether they are right."""
    faults = run.case.faults
    found = all(scoring.is_found(fault, run.diagnosis) for fault in faults)
    first = scoring.is_first_right(run.case, run.diagnosis)
    return [
        run.case.name,
        ", ".join(fault.name for fault in faults),
        first_finding(run.preflight),
        first_finding(run.diagnosis),
        _word(first),
        _word(found),
    ]


def first_finding(findings: Sequence[Found]) -> str:
    """Return the name of the first finding above `info`, `"-"` if there is none."""
    alarms = scoring.alarms(findings)
    return (alarms[0]["detail"] or alarms[0]["condition"]) if alarms else "-"


def totals(runs: Sequence[Run]) -> Iterator[str]:
    """Yield how often that was right."""
    figures = {
        "root cause first, after the training": scoring.first_right(runs),
        "programs with all faults found": scoring.runs_with_all_faults(runs),
        "faults found": scoring.faults_found(runs),
        "root causes that are right": scoring.precision(runs),
        "of those seen before: root cause first, by preflight": scoring.static_by_preflight(runs),
    }
    for name, share in figures.items():
        yield f"{name:54} {share}"


def _row(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def _word(answer: bool) -> str:
    return "yes" if answer else "no"
