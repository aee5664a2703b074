"""Memory of a search: how much the process grows from trial to trial, and what the disk keeps.

Trainings of networks of differing depth, widths, activation and optimizer on the digits. "growth"
is that of resident memory, the median of the slopes between all pairs of trials after the first
ones; the limit for ours is 0.5. "Keras" is a plain loop of `clear_session`, build and `fit`,
"KerasTuner" its RandomSearch (not in the list of cases: give it as the argument). "files" counts
checkpoints; ours are to be `keep_best`.
"""

import gc
import os
import pathlib
import tempfile
import time

import _harness
import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

from keras_trainkit import tuner

TRIALS, WARM_UP = int(os.environ.get("TRIALS", "60")), 10
EPOCHS = 3
TRAINED, ALL = 800, 1200
# What must come out: MB a trial.
GROWTH = 0.5
KEEP_BEST = 5
# How each of ours searches.
OURS = {"ours": {}, "ours, diagnose": {"diagnose": True}}


def measure(case: str) -> None:
    """Print the line of a case."""
    folder = tempfile.mkdtemp()
    start = time.process_time()
    sizes = loop() if case == "Keras" else searched(case, folder)
    seconds = (time.process_time() - start) / TRIALS
    growth = slope(sizes[WARM_UP:])
    files = sum(1 for _ in pathlib.Path(folder).rglob("*.weights.h5"))
    verdict = ""
    if case in OURS:
        good = len(sizes) == TRIALS and growth < GROWTH and files == KEEP_BEST
        verdict = "ok" if good else "over the limit"
    print(f"{case:24} {growth:12.2f} {sizes[-1]:8.0f} {files:6} {seconds:8.2f}   {verdict}")


def loop() -> list[float]:
    """Return the size of the process after each training without a tuner."""
    sizes = []
    space = keras_tuner.HyperParameters()
    build(space)
    for i in range(TRIALS):
        keras.utils.clear_session()
        gc.collect()
        values = {p.name: p.random_sample(seed=100 * i + j) for j, p in enumerate(space.space)}
        known = space.copy()
        known.values = values
        build(known).fit(**data(), epochs=EPOCHS, verbose=0)
        sizes.append(resident())
    return sizes


def searched(case: str, folder: str) -> list[float]:
    """Return the size of the process after each trial that finished."""
    base = tuner.RandomSearch if case in OURS else keras_tuner.RandomSearch
    sizes = []

    class Sized(base):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if trial.status == "COMPLETED":
                sizes.append(resident())

    own = {**OURS[case], "keep_best": KEEP_BEST} if case in OURS else {}
    search = Sized(build, "val_loss", max_trials=TRIALS, seed=1, directory=folder, **own)
    search.search(**data(), epochs=EPOCHS, verbose=0)
    return sizes


def build(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Return a network of these values."""
    model = keras.Sequential([keras.Input((64,))])
    activation = hp.Choice("activation", ["relu", "tanh", "elu"])
    widths = [hp.Int(f"width_{i}", 8, 128) for i in range(3)]
    for width in widths[: hp.Int("layers", 1, 3)]:
        model.add(keras.layers.Dense(width, activation))
    model.add(keras.layers.Dense(10, "softmax"))
    optimizer = keras.optimizers.get(hp.Choice("optimizer", ["adam", "sgd", "rmsprop"]))
    optimizer.learning_rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data() -> dict[str, object]:
    """Return the arguments of `fit`."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    return {"x": x[:TRAINED], "y": y[:TRAINED], "validation_data": (x[TRAINED:ALL], y[TRAINED:ALL])}


def resident() -> float:
    """Return how many MB of memory the process has."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def slope(values: list[float]) -> float:
    """Return the median of the slopes between all pairs."""
    i, j = np.triu_indices(len(values), 1)
    values = np.array(values)
    return float(np.median((values[j] - values[i]) / (j - i)))


if __name__ == "__main__":
    columns = "case", "MB a trial", "MB", "files", "CPU s"
    head = "{:24} {:>12} {:>8} {:>6} {:>8}".format(*columns)
    _harness.each_alone(measure, ["Keras", *OURS], head)
