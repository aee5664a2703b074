"""HyperMLP on a raw table: scikit-learn's diabetes as it was written down, 20 trials.

Four fifths of the rows are searched, a fifth of them by validation; the mean squared error is that
of the last fifth. "failed" counts the trials without a score, "below mean" those whose model is
better than the mean of the targets. "best" is the model with the lowest validation loss; beside it
a ridge regression that has chosen its penalty by cross-validation, of which it may be a tenth
worse. A case is a tuner and the seed of the split and of the search.
"""

import os
import tempfile
import time

import _harness
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_trainkit import tuner

TRIALS = int(os.environ.get("TRIALS", "20"))
EPOCHS = int(os.environ.get("EPOCHS", "40"))
TEST, VALIDATION = 0.2, 0.2
PENALTIES = np.logspace(-2, 3, 30)
# What must come out: share of trials below the mean, error of the best over that of the ridge.
BELOW_MEAN, OVER_RIDGE = 0.75, 1.1
TUNERS, SEEDS = ("RandomSearch", "BayesianOptimization"), (42, 0)


def measure(case: str) -> None:
    """Print the line of a tuner and a seed."""
    kind, seed = case.split()
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x, x_test, y, y_test = train_test_split(x, y, test_size=TEST, random_state=int(seed))

    def error(predicted: np.ndarray) -> float:
        return float(np.mean((predicted - y_test) ** 2))

    start = time.process_time()
    models = searched(getattr(tuner, kind), x, y, int(seed)).get_best_models(TRIALS)
    seconds = time.process_time() - start
    errors = [error(model.predict(x_test, verbose=0)[:, 0]) for model in models]
    mean, ridge = error(np.mean(y)), error(ridge_regression().fit(x, y).predict(x_test))
    failed, below = TRIALS - len(errors), sum(each < mean for each in errors)
    good = failed == 0 and below >= BELOW_MEAN * TRIALS and errors[0] < OVER_RIDGE * ridge
    print(
        f"{case:24} {failed:6} {below:11} {errors[0]:8.0f} {ridge:8.0f} {mean:8.0f} "
        f"{seconds:8.0f}   {'ok' if good else 'over the limit'}",
        flush=True,
    )


def searched(kind: type, x: np.ndarray, y: np.ndarray, seed: int) -> tuner.RandomSearch:
    """Return a tuner that has run its trials."""
    search = kind(
        tuner.HyperMLP((x.shape[1],), task="regression"),
        "val_loss",
        max_trials=TRIALS,
        seed=seed,
        keep_best=None,
        directory=tempfile.mkdtemp(),
    )
    search.search(x, y, epochs=EPOCHS, validation_split=VALIDATION, verbose=0)
    return search


def ridge_regression():
    """Return a ridge regression on standardized inputs."""
    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES))


if __name__ == "__main__":
    columns = "tuner and seed", "failed", "below mean", "best", "ridge", "mean", "CPU s"
    _harness.each_alone(
        measure,
        [f"{kind} {seed}" for seed in SEEDS for kind in TUNERS],
        "{:24} {:>6} {:>11} {:>8} {:>8} {:>8} {:>8}".format(*columns),
    )
