"""Does the first remedy of the first finding, carried out as it is printed, mend a training?

    python -m benchmarks.diagnosis.mended --half tuned --cases 30 --seed 0

Of the broken trainings of a half, `--cases` are chosen by the hashes of their names, evenly over
the conditions. Each is trained as it is given, under preflight and monitor. Of the first finding
(of preflight if it finds something, of the monitor otherwise) the first remedy is carried out:
layers and `compile` by `Remedy.apply`, after a check that this is what is printed; data and `fit`
by running the printed code. Then it is trained again, from fresh weights. A training with several
faults is diagnosed again after each remedy, and as many are carried out as there are faults. It is
mended if its score reaches the goal that its healthy twin reaches.
"""

import argparse
import hashlib
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from benchmarks.diagnosis.carried_out import Script
from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.counterfactual import mended as trained_twin
from benchmarks.diagnosis.parts import PARTS, chosen
from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import Diagnosis, Finding, Remedy, preflight


@dataclass(frozen=True)
class Outcome:
    """How one case went.

    Args:
        case: `Case`.
        steps: what was found and carried out, in order.
        broken, remedied, twin: scores; `remedied` is that of `broken` if nothing was carried out.
        obstacle: string. Why a remedy could not be carried out.
    """

    case: Case
    steps: tuple[tuple[Finding, Remedy], ...]
    broken: float
    remedied: float
    twin: float
    obstacle: str = ""

    @property
    def is_mended(self) -> bool:
        """Whether the goal of the healthy twin is reached."""
        return self.remedied >= self.case.recipe.goal


def listed(half: str, count: int, only: str = "") -> list[Case]:
    """Return broken cases of a part: of each condition in turn the next by the names' hashes."""
    by_condition = defaultdict(list)
    found = [case for case in chosen(half, only) if case.faults]
    for case in sorted(found, key=lambda case: _hash(case.name)):
        by_condition[case.condition].append(case)
    conditions = sorted(by_condition, key=_hash)
    turns = range(max(map(len, by_condition.values()), default=0))
    in_turn = [
        by_condition[each][turn]
        for turn in turns
        for each in conditions
        if turn < len(by_condition[each])
    ]
    return in_turn[:count]


def mend(case: Case, seed: int) -> Outcome:
    """Return what becomes of a case when its diagnoses are followed."""
    broken, finding = examined(case, seed, ())
    steps: list[tuple[Finding, Remedy]] = []
    score, obstacle = broken, ""
    while finding is not None and len(steps) < len(case.faults) and score < case.recipe.goal:
        if not finding.remedies:
            obstacle = f"{finding.name} has no remedy"
            break
        steps.append((finding, finding.remedies[0]))
        try:
            score, finding = examined(case, seed, [remedy for _, remedy in steps])
        except ValueError as error:
            obstacle = str(error)
            break
    twin, _ = trained_twin(case.recipe, seed)
    return Outcome(case, tuple(steps), broken, score, twin, obstacle)


def examined(case: Case, seed: int, remedies: Sequence[Remedy]) -> tuple[float, Finding | None]:
    """Return the score of a training with some remedies, -1 if `fit` raises, and what is found."""
    script = Script(case, seed, remedies)
    model, x, y = (script.names[name] for name in ("model", "x", "y"))
    known = ("batch_size", "epochs", "validation_split", "shuffle", "validation_data")
    arguments = {name: each for name, each in script.all_arguments().items() if name in known}
    before, monitor = preflight(model, x, y, **arguments), GradientMonitor()
    try:
        score, after = script.score(script.fit([monitor])), monitor.diagnosis
    except (ValueError, RuntimeError):  # PyTorch refuses some targets: preflight has the word.
        score, after = -1.0, Diagnosis()
    return score, first(before, after)


def first(before: Diagnosis, after: Diagnosis) -> Finding | None:
    """Return the finding to begin with, one above `info` if there is one."""
    found = [*before, *after]
    grave = [finding for finding in found if finding.severity != "info"]
    return next(iter([*grave, *after, *before]), None)


def line(outcome: Outcome) -> str:
    """Return a line of the table, and one for each remedy."""
    case, verdict = outcome.case, "yes" if outcome.is_mended else "NO"
    head = (
        f"{case.name:58} {outcome.broken:6.2f} {outcome.remedied:9.2f} {outcome.twin:6.2f} "
        f"{case.recipe.goal:6.2f}  {verdict}"
    )
    steps = [f"    {finding.name}: {remedy.text}" for finding, remedy in outcome.steps]
    why = [f"    not carried out: {outcome.obstacle}"] if outcome.obstacle else []
    return "\n".join([head, *(steps or ["    nothing found"]), *why])


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=PARTS, default="tuned")
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="regular expression in a name or label")
    parser.add_argument("--code", action="store_true", help="print the code of the remedies")
    return parser.parse_args()


def main() -> None:
    """Mend the cases and print the table."""
    given = arguments()
    warnings.simplefilter("ignore")
    cases = listed(given.half, given.cases, given.only)
    print(f"{given.half} half, seed {given.seed}, Keras {keras.__version__}", end="")
    print(f" on {keras.backend.backend()}: {len(cases)} broken trainings")
    print("With several faults, one remedy for each at most, each after another diagnosis.")
    print(f"{'':58} broken  remedied   twin   goal  reached")
    outcomes = []
    for case in cases:
        outcomes.append(mend(case, given.seed))
        print(line(outcomes[-1]), flush=True)
        for _, remedy in outcomes[-1].steps if given.code else ():
            print("        " + remedy.code.replace("\n", "\n        "))
    reached = sum(outcome.is_mended for outcome in outcomes)
    print(f"{reached} of {len(outcomes)} reach the goal of the healthy twin", end="")
    print(f" ({100 * reached / max(len(outcomes), 1):.0f} %)")


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


if __name__ == "__main__":
    main()
