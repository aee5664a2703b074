"""The table of the guides."""

from collections.abc import Iterator, Sequence

from benchmarks.diagnosis.guides.running import Outcome
from benchmarks.diagnosis.scoring import Found, Share, alarms, everything

HEADING = f"{'guide':46} {'score':>6} {'goal':>5} {'s':>4}  before / after"


def line(outcome: Outcome) -> str:
    """Return the row of one guide."""
    reached = " " if outcome.works else "!"
    return (
        f"{outcome.guide.name:46} {outcome.score:6.3f}{reached}{outcome.guide.goal:5.2f} "
        f"{outcome.seconds:4.0f}  {_names(outcome.preflight)} / {_names(outcome.diagnosis)}"
    )


def end(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield how many work and are silent, and each finding above `info` in full."""
    count = len(outcomes)
    yield f"reach their goal          {Share(sum(each.works for each in outcomes), count)}"
    yield f"nothing above info        {Share(sum(each.is_silent for each in outcomes), count)}"
    for outcome in outcomes:
        for when in ("preflight", "diagnosis"):
            for found in everything(getattr(outcome, when)):
                yield from _in_full(f"{outcome.guide.name}, {when}", found)


def _in_full(place: str, found: Found) -> Iterator[str]:
    yield f"\n{place}: {found['severity']} {_name(found)} at {found['where'] or '-'}"
    yield f"    {found['text']}"
    for each in found["evidence"]:
        yield f"    {each['name']} {each['value']:.4g} (limit {each['limit']})"


def _names(findings: Sequence[Found]) -> str:
    return ", ".join(map(_name, alarms(findings))) or "-"


def _name(found: Found) -> str:
    return found["detail"] or found["condition"]
