"""Diagnose the labelled trainings and print how often that was right.

    python -m benchmarks.diagnosis --half tuned --seeds 1 --only learning_rate
    python -m benchmarks.diagnosis --half held_out --seeds 3 --keep torch.json
    python -m benchmarks.diagnosis --agreement tensorflow.json jax.json torch.json

The environment variable KERAS_BACKEND chooses the backend. With `--weights` a training begins with
the weights that another run has left there: so backends differ in nothing but themselves.
`--half tuned` lists what was missed; `held_out`, `second_held_out` and `third_held_out` are no
halves: they were written after the rules, by somebody who had not read them.
"""

import argparse
import sys
import warnings

import keras

from benchmarks.diagnosis import report
from benchmarks.diagnosis.parts import PARTS, chosen
from benchmarks.diagnosis.running import run


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=PARTS, default="tuned")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0")
    parser.add_argument("--only", default="", help="regular expression in a name or label")
    parser.add_argument("--preflight", action="store_true", help="do not train")
    parser.add_argument("--keep", default="", help="JSON file to write")
    parser.add_argument("--weights", default="", help="folder of the weights to begin with")
    parser.add_argument("--agreement", nargs="+", help="JSON files of several backends")
    return parser.parse_args()


def main() -> None:
    """Run the cases and print the tables."""
    given = arguments()
    if given.agreement:
        print(f"findings that all have: {report.agreement(given.agreement)}")
        return
    warnings.simplefilter("ignore")
    cases = chosen(given.half, given.only)
    runs = []
    for number, case in enumerate(cases, 1):
        print(f"\r{number} of {len(cases)}: {case.name:60}", end="", file=sys.stderr, flush=True)
        seeds = range(given.seeds)
        runs += [run(case, seed, not given.preflight, given.weights) for seed in seeds]
    print(file=sys.stderr)
    backend = keras.backend.backend()
    broken = sum(bool(case.faults) for case in cases)
    print(
        f"{given.half} half, {given.seeds} seeds, Keras {keras.__version__} on {backend}: "
        f"{broken} broken and {len(cases) - broken} healthy cases, {len(runs)} runs\n"
    )
    if given.half == "tuned":
        print("\n".join((*report.misses(runs), "")))
    print("\n".join(report.lines(runs)))
    if given.keep:
        report.keep(runs, backend, given.keep)


if __name__ == "__main__":
    main()
