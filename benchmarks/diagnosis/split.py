"""One half of the cases to tune on, the other to report, until its misses were read too.

What is known of trainings that nobody has tuned on, the held-out parts tell at their first run;
then their misses were read as well.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.diagnosis.case import Case

HALVES = ("tuned", "reported")


def halves(cases: Sequence[Case]) -> dict[str, tuple[Case, ...]]:
    """Return the cases of each half; of every label, healthy families too, it has every second.

    The order within a label is that of the names' hashes: a new case moves none but its kind's.
    """
    strata = defaultdict(list)
    for case in cases:
        strata[case.label if case.faults else f"healthy {case.family}"].append(case)
    found: dict[str, list[Case]] = {name: [] for name in HALVES}
    for label, members in strata.items():
        start = _hash(label)
        for place, case in enumerate(sorted(members, key=lambda each: _hash(each.name))):
            found[HALVES[(start + place) % 2]].append(case)
    return {name: tuple(members) for name, members in found.items()}


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
