"""Damage after damage, and what became of each."""

import random
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz_files.honest import Kind, exactly
from tests.fuzz_files.mutations import MUTATIONS

GOOD = ("equal", "refused")
BAD = ("WRONG", "UNCLEAR", "MEMORY")
TIMES, CONSTANT = 3, 1 << 20


@dataclass(frozen=True)
class Outcome:
    """What a reader made of a damaged file.

    Args:
        number: int. With the seed, it makes the same damage again.
        kind: str. The kind of the file.
        mutation: str. What was done to it.
        verdict: str. One of `GOOD` and `BAD`.
        detail: str. The error, or how much memory was taken.
    """

    number: int
    kind: str
    mutation: str
    verdict: str
    detail: str = ""


def outcomes(kinds: Sequence[Kind], folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Damage files of all kinds in turn, and read each."""
    path = str(folder / "damaged.npz")
    tracemalloc.start()
    try:
        honest = [reading(kind, kind.content, path) for kind in kinds]
        for number in range(count):
            index = number % len(kinds)
            kind, (sound, _, limit) = kinds[index], honest[index]
            draw = random.Random(f"{seed}/{number}")
            other = draw.randrange(len(kinds))
            mutation = draw.choice(MUTATIONS)
            damaged = mutation(draw, kind, kinds[other].content)
            # Two files in one can be the other one, with something before it.
            sound = [sound] + [honest[other][0]] * (mutation.__name__ == "splice")
            verdict, detail = judged(kind, path, sound, limit, reading(kind, damaged, path))
            yield Outcome(number, kind.name, mutation.__name__, verdict, detail)
    finally:
        tracemalloc.stop()


def reading(kind: Kind, content: bytes, path: str) -> tuple[Any, list, int]:
    """Return what a file of this content holds, or the error; the warnings; the peak of memory."""
    Path(path).write_bytes(content)
    with warnings.catch_warnings(record=True, action="always") as warned:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            found: Any = kind.read(path)
        except Exception as error:
            found = error.with_traceback(None)
        peak = tracemalloc.get_traced_memory()[1] - before
    return found if isinstance(found, Exception) else exactly(found), warned, peak


def judged(
    kind: Kind, path: str, sound: Sequence[Any], honest_peak: int, result: tuple[Any, list, int]
) -> tuple[str, str]:
    """Return the verdict on what was read, and a detail."""
    found, warned, peak = result
    if peak > TIMES * honest_peak + CONSTANT:
        return "MEMORY", f"{peak} bytes, {honest_peak} for the honest file"
    if warned:
        return "UNCLEAR", str(warned[0].message)
    if not isinstance(found, Exception):
        return ("equal" if found in sound else "WRONG"), ""
    detail = f"{type(found).__name__}: {found}"
    return ("refused" if kind.is_clear(found, path) else "UNCLEAR"), detail


def table(found: Sequence[Outcome], rows: str) -> str:
    """Return how often each verdict was given, by `"kind"` or `"mutation"`."""
    counts: dict[str, Counter] = {}
    for outcome in found:
        counts.setdefault(getattr(outcome, rows), Counter())[outcome.verdict] += 1
    total = sum(counts.values(), Counter())
    lines = [" " * 28 + "".join(f"{verdict:>9}" for verdict in (*GOOD, *BAD))]
    for name, row in [*counts.items(), ("all", total)]:
        lines.append(f"{name:28}" + "".join(f"{row[verdict]:9}" for verdict in (*GOOD, *BAD)))
    return "\n".join(lines)
