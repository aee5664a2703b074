"""What pruners spare and what they lose: 64 trials of 20 epochs, found at random on the digits.

"epochs" is the share of all trials' epochs that were trained, "best" the best validation accuracy,
"lost" what the same search without a pruner found above that. A case is a seed; trials of one
number are the same training in all searches.
"""

import json
import os
import pathlib

import _digits_search
import _harness

from keras_trainkit import tuner

TRIALS = int(os.environ.get("TRIALS", "64"))
EPOCHS = 20
SEEDS = range(int(os.environ.get("SEEDS", "5")))
PRUNERS = (None, 1, 2, "median", "halving")


def measure(case: str) -> None:
    """Print a line for each pruner."""
    unpruned = None
    for pruner in PRUNERS:
        found = _digits_search.searched(
            tuner.RandomSearch, TRIALS, int(case), EPOCHS, pruner=pruner
        )
        best = _digits_search.scores(found).max()
        unpruned = unpruned or best
        share = trained(pathlib.Path(found.project_dir)) / (TRIALS * EPOCHS)
        lost = unpruned - best
        print(f"{case:>4} {pruner!s:10} {share:8.3f} {best:8.4f} {lost:8.4f}", flush=True)


def trained(folder: pathlib.Path) -> int:
    """Return how many epochs all trials have trained."""
    files = (json.loads(path.read_text()) for path in folder.rglob("curves.json"))
    return sum(len(curves["loss"]) for file in files for curves in file["executions"])


if __name__ == "__main__":
    columns = "seed", "pruner", "epochs", "best", "lost"
    _harness.each_alone(
        measure,
        [str(seed) for seed in SEEDS],
        "{:>4} {:10} {:>8} {:>8} {:>8}".format(*columns),
    )
