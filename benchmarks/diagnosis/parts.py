"""The parts in which the cases are run: two halves, both, and those that were held out."""

import re

from benchmarks.diagnosis.broken import cases as broken_cases
from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.healthy import cases as healthy_cases
from benchmarks.diagnosis.held_out import cases as held_out_cases
from benchmarks.diagnosis.second_held_out import cases as second_held_out_cases
from benchmarks.diagnosis.split import HALVES, halves
from benchmarks.diagnosis.third_held_out import cases as third_held_out_cases

# Each was written after the rules, by somebody who had not read them.
HELD_OUT = {
    "held_out": held_out_cases,
    "second_held_out": second_held_out_cases,
    "third_held_out": third_held_out_cases,
}
PARTS = (*HALVES, "both", *HELD_OUT)


def chosen(part: str, only: str) -> list[Case]:
    """Return the cases of a part with a regular expression in name or label."""
    cases = HELD_OUT[part]() if part in HELD_OUT else _of_halves(part)
    return [case for case in cases if re.search(only, f"{case.name} {case.label}")]


def _of_halves(part: str) -> list[Case]:
    found = halves((*broken_cases(), *healthy_cases()))
    wanted = HALVES if part == "both" else (part,)
    return [case for name in wanted for case in found[name]]
