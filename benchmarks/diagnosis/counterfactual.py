"""Does what is labelled broken fail, and does its mended twin train?

    python -m benchmarks.diagnosis.counterfactual --seeds 0 1 2 --only "softmax"
    python -m benchmarks.diagnosis.counterfactual --seeds 0 1 --half held_out

Each case is trained as given and mended; healthy cases are trained once. A case behaves if its
score stays below the goal as given and reaches it mended, with every seed. Exits with 1 otherwise.
PyTorch refuses binary cross-entropy of targets outside of 0..1, on which the others train: a `fit`
that raises has failed.
"""

import argparse
import functools
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import keras

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.parts import PARTS, chosen
from benchmarks.diagnosis.recipe import Program, Recipe

# As given, a score may come this close to the goal.
MARGIN = 0.02


def trained(make: Callable[[int], Program], seed: int) -> tuple[float, float]:
    """Return the score of one training, -1 if `fit` raises, and its seconds."""
    start = time.perf_counter()
    program = make(seed)
    try:
        score = program.score(program.train().history)
    except (ValueError, RuntimeError) as error:
        print(f"    {type(error).__name__}: {str(error).strip().splitlines()[0]}")
        score = -1.0
    return score, time.perf_counter() - start


@functools.cache
def mended(recipe: Recipe, seed: int) -> tuple[float, float]:
    """Return the score of a recipe as it should be; many cases share one."""
    return trained(recipe.make, seed)


def check(case: Case, seeds: Sequence[int]) -> bool:
    """Print a line for the case and return whether it behaves."""
    given = [trained(case.make, seed) for seed in seeds] if case.faults else []
    right = [mended(case.recipe, seed) for seed in seeds]
    goal = case.recipe.goal
    behaves = all(score < goal - MARGIN for score, _ in given)
    behaves = behaves and all(score >= goal for score, _ in right)
    verdict = "" if behaves else "  <-- does not behave"
    seconds = max(time for _, time in (*given, *right))
    print(
        f"{case.label:36} {case.name:58} {_shown(given):17} {_shown(right):17} "
        f"{goal:5.2f} {seconds:5.1f}{verdict}",
        flush=True,
    )
    return behaves


def main() -> None:
    """Check the cases that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="regular expression in a name or label")
    parser.add_argument("--part", default="0/1", help="i/n: every n-th case from the i-th")
    parser.add_argument("--half", choices=PARTS, default="both")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    first, stride = map(int, arguments.part.split("/"))
    cases = chosen(arguments.half, arguments.only)[first::stride]
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, seeds {arguments.seeds}")
    print(f"{'':95} {'as given':17} {'mended':17}  goal seconds")
    good = sum([check(case, arguments.seeds) for case in cases])
    print(f"{good} of {len(cases)} cases behave")
    sys.exit(good < len(cases))


def _shown(results: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{score:.2f}" for score, _ in results)


if __name__ == "__main__":
    main()
