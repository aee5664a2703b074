"""What `BayesianOptimization` proposes: eight hyperparameters of a classifier of the digits.

"after 8" is the mean validation accuracy of the trials after the eighth, "best" that of the best
trial, "CPU s" what one proposal takes. A case is a seed, all tuners run the same trials. With
`KERASTUNER=1` KerasTuner's own Bayesian search runs beside them, with as many random trials at the
beginning as ours has.
"""

import os
import time

import _digits_search
import _harness
import keras_tuner

from keras_trainkit import tuner

TRIALS, EPOCHS, FIRST = 14, 10, 8
SEEDS = range(int(os.environ.get("SEEDS", "5")))


def measure(case: str) -> None:
    """Print the line of a seed."""
    seed = int(case)
    random, _ = proposed(tuner.RandomSearch, seed)
    ours, seconds = proposed(tuner.BayesianOptimization, seed)
    line = f"{seed:4} {_of(random)} {_of(ours)} {ours[FIRST:].mean() - random[FIRST:].mean():8.3f}"
    line += f" {seconds:8.4f}"
    if os.environ.get("KERASTUNER"):
        theirs, seconds = proposed(
            keras_tuner.BayesianOptimization, seed, num_initial_points=FIRST, overwrite=True
        )
        line += f" {_of(theirs)} {seconds:8.4f}"
    print(line, flush=True)


def proposed(kind: type, seed: int, **options):
    """Return the scores of a tuner's trials, and the CPU seconds of one proposal."""
    seconds = []

    class Timed(kind):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            populate = self.oracle.populate_space

            def timed(trial_id: str):
                start = time.process_time()
                proposal = populate(trial_id)
                seconds.append(time.process_time() - start)
                return proposal

            self.oracle.populate_space = timed

    found = _digits_search.searched(Timed, TRIALS, seed, EPOCHS, **options)
    return _digits_search.scores(found), sum(seconds) / len(seconds)


def _of(scores) -> str:
    return f"{scores[FIRST:].mean():8.3f} {scores.max():8.3f}"


if __name__ == "__main__":
    columns = "seed", "random", "best", "bayesian", "best", "better", "CPU s"
    _harness.each_alone(
        measure,
        [str(seed) for seed in SEEDS],
        "{:>4} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}".format(*columns),
    )
