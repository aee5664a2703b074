"""Diagnose the published programs, each once before and once after its training.

    python -m benchmarks.diagnosis.published
    python -m benchmarks.diagnosis.published --counterfactual
    python -m benchmarks.diagnosis.published --threads

`--counterfactual` trains each as given and mended, without any diagnosis, and exits with 1 if
one does not fail, or does not train when mended. `--threads` lists where they stand and what was
asked. The environment variable KERAS_BACKEND chooses the backend. PyTorch refuses binary
cross-entropy of targets outside of 0..1: there preflight has the last word.
"""

import argparse
import re
import sys
import warnings

import keras

from benchmarks.diagnosis import report
from benchmarks.diagnosis.counterfactual import check
from benchmarks.diagnosis.published import programs, table
from benchmarks.diagnosis.published.program import Programs
from benchmarks.diagnosis.running import run


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counterfactual", action="store_true", help="train only")
    parser.add_argument("--threads", action="store_true", help="list them only")
    parser.add_argument("--only", default="", help="regular expression in a name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="", help="JSON file to write")
    return parser.parse_args()


def threads(chosen: Programs) -> None:
    """Print where each can be read and what was asked."""
    for each in chosen:
        faults = ", ".join(fault.name for fault in each.case.faults)
        told = (each.title, each.address, each.asked, f"Otherwise here: {each.otherwise}")
        print("\n    ".join((f"{each.name}: {faults}", *told)))


def counterfactual(chosen: Programs, seed: int) -> bool:
    """Print a line for each and return whether all behave."""
    print(f"{'':95} {'as given':17} {'mended':17}  goal seconds")
    good = sum([check(each.case, [seed]) for each in chosen])
    print(f"{good} of {len(chosen)} programs fail as given and train when mended")
    return good == len(chosen)


def diagnose(chosen: Programs, seed: int, keep: str) -> None:
    """Print the table."""
    runs = []
    for number, each in enumerate(chosen, 1):
        print(f"\r{number} of {len(chosen)}: {each.name:70}", end="", file=sys.stderr, flush=True)
        runs.append(run(each.case, seed))
    print(file=sys.stderr)
    print("\n".join(table.lines(runs)))
    if keep:
        report.keep(runs, keras.backend.backend(), keep)


def main() -> None:
    """Do what the arguments say."""
    given = arguments()
    warnings.simplefilter("ignore")
    chosen = tuple(each for each in programs() if re.search(given.only, each.name))
    if given.threads:
        threads(chosen)
        return
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, seed {given.seed}\n")
    if given.counterfactual:
        sys.exit(not counterfactual(chosen, given.seed))
    diagnose(chosen, given.seed, given.keep)


if __name__ == "__main__":
    main()
