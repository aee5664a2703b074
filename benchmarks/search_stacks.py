"""What trials cost: by KerasTuner's RandomSearch, by ours one by one, and by ours in stacks.

Trials of 20 epochs over eight hyperparameters of a perceptron on the digits, imports not counted,
compilation counted. "pruned" stops all but the best quarter after their first epoch. "best" is the
best validation accuracy. A case is a way and a seed; divide the seconds of two of them.
"""

import os
import time

import _digits_search
import _harness
import keras_tuner

from keras_trainkit import tuner

TRIALS = int(os.environ.get("TRIALS", "30"))
LANES = int(os.environ.get("LANES", "16"))
EPOCHS = 20
SEEDS = range(int(os.environ.get("SEEDS", "1")))


WAYS = {
    "KerasTuner": (keras_tuner.RandomSearch, {}, {}),
    "alone": (tuner.RandomSearch, {}, {}),
    "stacked": (tuner.RandomSearch, {}, {"lanes": LANES}),
    "stacked, pruned": (tuner.RandomSearch, {"pruner": 1}, {"lanes": LANES}),
}


def measure(case: str) -> None:
    """Print the line of a way and a seed."""
    way, _, seed = case.rpartition(" ")
    kind, options, given = WAYS[way]
    start = time.process_time()
    found = _digits_search.searched(kind, TRIALS, int(seed), EPOCHS, search=given, **options)
    seconds = time.process_time() - start
    best = _digits_search.scores(found).max()
    print(f"{case:20} {seconds:8.1f} {seconds / TRIALS:8.2f} {best:8.4f}", flush=True)


if __name__ == "__main__":
    columns = "way and seed", "CPU s", "a trial", "best"
    _harness.each_alone(
        measure,
        [f"{way} {seed}" for seed in SEEDS for way in WAYS],
        "{:20} {:>8} {:>8} {:>8}".format(*columns),
    )
