"""diagnose: the CPU seconds that all rules take over a long record.

10,000 steps of 200 variables in 100 layers, 200 epochs with validation and a probe: a training that
works, one that explodes half way, and one whose gradients vanish on their way back.
"""

import time

import _harness
import keras
import numpy as np

from keras_trainkit.diagnosis import Activations, History, Outcomes, diagnose
from keras_trainkit.diagnosis._preflight.gather import facts_of
from keras_trainkit.diagnosis.facts import Facts
from keras_trainkit.diagnosis.history import STATISTICS

LIMIT = 1.0
STEPS, LAYERS, WIDTH, EPOCHS = 10_000, 100, 64, 200
CASES = ("works", "explodes", "vanishes")


def facts() -> tuple[Facts, tuple[str, ...]]:
    """Return the facts of a network, and the names of its variables."""
    hidden = [keras.layers.Dense(WIDTH, "relu", name=f"d{i}") for i in range(LAYERS - 1)]
    out = keras.layers.Dense(1, name="out")
    model = keras.Sequential([keras.Input((WIDTH,)), *hidden, out], name="net")
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(1600, WIDTH)), "y": rng.normal(size=(1600, 1)), "epochs": EPOCHS}
    return facts_of(model, data), tuple(v.path for v in model.trainable_variables)


def record(case: str) -> History:
    """Return a record as `GradientMonitor` makes it."""
    known, names = facts()
    rng = np.random.default_rng(0)
    table = rng.lognormal(size=(STEPS, len(names), len(STATISTICS))).astype("float32")
    for name in ("zero_fraction", "nonfinite"):
        table[:, :, STATISTICS.index(name)] = 0
    table[:, :, STATISTICS.index("update_norm")] *= 1e-3
    norm = STATISTICS.index("norm")
    if case == "explodes":
        table[STEPS // 2 :, :, norm] *= 1e9
    if case == "vanishes":
        table[:, :, norm] *= np.geomspace(1e-12, 1, len(names))
    fall = np.geomspace(1, 0.01 if case == "works" else 0.9, EPOCHS)
    layers = tuple(dict.fromkeys(name.rpartition("/")[0] for name in names))
    outputs = np.tile([-2.0, 2.0, 1.0, 1.0, np.nan], (EPOCHS, 1, 1))
    outputs[:, 0, 4] = 1 - fall
    return History(
        steps=np.arange(STEPS),
        epochs=np.repeat(np.arange(EPOCHS), STEPS // EPOCHS),
        variables=names,
        sizes=np.array([WIDTH * WIDTH, WIDTH] * LAYERS),
        table=table,
        logs={"epoch": np.arange(EPOCHS), "loss": fall, "val_loss": 1.1 * fall, "mae": fall},
        activations=Activations(
            np.arange(EPOCHS), layers, ["relu"] * LAYERS, rng.random((EPOCHS, LAYERS, 5)) / 2
        ),
        outcomes=Outcomes(np.arange(EPOCHS), ["out"], outputs),
        facts=known,
    )


def measure(case: str) -> None:
    """Print the seconds of one record, and what was found."""
    history, seconds = record(case), []
    for _ in range(_harness.ROUNDS):
        start = time.process_time()
        found = diagnose(history)
        seconds.append(time.process_time() - start)
    low, median, high = np.percentile(seconds, [10, 50, 90])
    verdict = "ok" if high < LIMIT else "FAILS"
    names = ", ".join(finding.name for finding in found) or "nothing"
    print(f"{case:12} {median:6.3f} [{low:.3f} {high:.3f}] {verdict:6} {names}", flush=True)


if __name__ == "__main__":
    _harness.each_alone(measure, CASES, f"{'record':12} {'CPU s':>6} [p10 p90]")
