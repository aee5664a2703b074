"""The suggestion of a range test beside the best of a grid, on ten trainings.

Every training is scored on data held out, as the mean over seeds: accuracy in percent, or for the
diabetes the mean squared error in units of the target's variance. The other rules that could be
followed are scored where they point, between the two nearest points of the grid.
"""

import math
import sys
import time

import _harness
import keras
import numpy as np
from keras.layers import Conv2D, Dense, Flatten, Reshape
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from keras_trainkit.callbacks import LearningRateRange, find_learning_rate
from keras_trainkit.optimizers import NAG, Adam

GRID = np.geomspace(1e-5, 3.0, 12)
UPDATES, BATCH_SIZE, SEEDS = 280, 32, 2
POINT, SHARE = 1.0, 0.05  # What counts as good as the best: of accuracy, of the squared error.
RULES = {
    "minimum / 5": lambda found: found.suggestion,
    "minimum / 10": lambda found: found.minimum / 10,
    "minimum / 2": lambda found: found.minimum / 2,
    "steepest": lambda found: found.steepest,
    "valley": lambda found: found.valley,
}
LOADERS = {"digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}
OPTIMIZERS = {"NAG": NAG, "Adam": Adam}


def perceptron(*widths):
    """Return the layers of a perceptron."""
    return [Dense(width, "relu") for width in widths[:-1]] + [Dense(widths[-1])]


def convolutions():
    """Return the layers of a small network for the digits."""
    maps = [Conv2D(16, 3, activation="relu"), Conv2D(32, 3, strides=2, activation="relu")]
    return [Reshape((8, 8, 1)), *maps, Flatten(), Dense(10)]


NETWORKS = {
    "digits-MLP": lambda: perceptron(64, 10),
    "digits-deeper-MLP": lambda: perceptron(64, 64, 64, 64, 10),
    "digits-CNN": convolutions,
    "cancer-MLP": lambda: perceptron(32, 2),
    "diabetes-MLP": lambda: perceptron(32, 1),
}


class Task:
    """One network with one optimizer on its data."""

    def __init__(self, network: str, optimizer: str) -> None:
        """Split and standardize the data."""
        self.network, self.optimizer = network, optimizer
        kind = network.split("-")[0]
        self.regression = kind == "diabetes"
        x, y = LOADERS[kind](return_X_y=True)
        order = np.random.default_rng(0).permutation(len(x))
        train, rest = np.split(order, [int(0.7 * len(x))])
        x = (x - x[train].mean(0)) / (x[train].std(0) + 1e-7)
        y = (y - y[train].mean()) / y[train].std() if self.regression else y
        x, y = x.astype("float32"), y.astype("float32" if self.regression else "int32")
        self.train, self.held_out = (x[train], y[train]), (x[rest], y[rest])
        self.epochs = round(UPDATES / math.ceil(len(train) / BATCH_SIZE))

    def model(self, learning_rate: float, seed: int) -> keras.Model:
        """Return the compiled network."""
        keras.utils.set_random_seed(seed)
        inputs = keras.Input(self.train[0].shape[1:])
        model = keras.Sequential([inputs, *NETWORKS[self.network]()])
        crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        loss, metrics = ("mse", ["mse"]) if self.regression else (crossentropy, ["accuracy"])
        model.compile(OPTIMIZERS[self.optimizer](learning_rate), loss, metrics=metrics)
        return model

    def score(self, learning_rate: float) -> float:
        """Train, and return the mean over seeds on the data held out; bad if it is not finite."""
        scores = []
        for seed in range(SEEDS):
            model = self.model(learning_rate, seed)
            model.fit(*self.train, batch_size=BATCH_SIZE, epochs=self.epochs, verbose=0)
            scores.append(model.evaluate(*self.held_out, verbose=0)[1])
        mean = float(np.mean(scores))
        if self.regression:
            return mean if math.isfinite(mean) else math.inf
        return 100 * mean

    def loss_of(self, score: float, best: float) -> float:
        """Return how much worse a score is, in units of what still counts as good."""
        if self.regression:
            return (score / best - 1) / SHARE
        return (best - score) / POINT

    def range_test(self) -> tuple[LearningRateRange, float]:
        """Return what is found, and the seconds it takes."""
        model, start = self.model(0.01, 0), time.perf_counter()
        found = find_learning_rate(model, *self.train, batch_size=BATCH_SIZE)
        return found, time.perf_counter() - start


def measure(task: Task) -> dict[str, float]:
    """Print a task's line; return what each rule loses."""
    found, seconds = task.range_test()
    grid = np.array([task.score(rate) for rate in GRID])
    best = grid.min() if task.regression else grid.max()
    score = task.score(found.suggestion)
    lost = {"minimum / 5": task.loss_of(score, best)}
    losses = np.array([task.loss_of(one, best) for one in grid])
    for rule, pick in RULES.items():
        place = np.interp(np.log(pick(found)), np.log(GRID), losses)
        lost.setdefault(rule, float(place))
    at = GRID[np.argmin(losses)]
    good = "yes" if lost["minimum / 5"] <= 1 else "no"
    print(
        f"{task.network:18} {task.optimizer:5} {seconds:6.1f} {found.suggestion:11.2g} "
        f"{score:7.3f} {best:7.3f} {at:8.1g} {score - best:+8.3f} {good}",
        flush=True,
    )
    return lost


def main() -> None:
    """Print the table, and how often each rule is as good as the grid."""
    print(f"{__doc__.strip()}\n\nKeras {keras.__version__} on {_harness.BACKEND}\n")
    print("network            opt.  seconds  suggestion   score    grid       at     diff good")
    chosen = sys.argv[1:] or NETWORKS
    lost = [measure(Task(n, o)) for n in chosen for o in OPTIMIZERS]
    print()
    for rule in RULES:
        good = sum(one[rule] <= 1 for one in lost)
        mean = np.mean([min(one[rule], 10.0) for one in lost])
        print(f"{rule:14} good in {good:2} of {len(lost)}, mean loss {mean:5.2f} (capped at 10)")


if __name__ == "__main__":
    main()
