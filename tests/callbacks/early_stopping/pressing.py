"""Presses Ctrl-C twice, at random instants and after random gaps.

    python -m tests.callbacks.early_stopping.pressing FOLDER TRAININGS [SEED]

Every third training gets a third one; every fifth a SIGTERM in place of the second, which a handler
in Python turns into SystemExit. The best weights, or the best state, are in memory and on disk by
turns. A line says how each training has ended: `whole`, or what of it is lost.
"""

import os
import pathlib
import random
import signal
import sys
import threading
import time
import warnings

import keras
import numpy as np

from keras_trainkit import _fit, layers
from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.progress import Progress
from keras_trainkit.callbacks._training_state.variables import state_variables
from tests.contracts import array

WHOLE = "whole"
# Where Python drops what a handler raises: in `__del__` and the callbacks of weak references.
FINALIZERS = {"__del__", "remove", "_remove", "weakref_cb", "_xla_gc_callback"}
EPOCHS = 10**6
X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1] - 1


class Scores(keras.callbacks.Callback):
    """Logs the score of each epoch, and keeps what the model holds at its end."""

    def __init__(self, draw, variables):
        super().__init__()
        self.draw, self.variables = draw, variables
        self.values, self.held = [], []

    def on_epoch_end(self, epoch, logs=None):
        assert self.model.built  # On JAX that brings the variables up to date.
        self.held.append([np.array(array(variable)) for variable in self.variables])
        self.values.append(10 - 0.05 * epoch + self.draw.random())
        logs["score"] = self.values[-1]


class Checked(keras.callbacks.Callback):
    """Stands behind early stopping, and counts the epochs that it has checked."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs = epoch + 1


class Presses(threading.Thread):
    """Sends signals, over and over: Python drops what a handler raises in a finalizer.

    They count while `fit` runs, and not in what the test does before and after.
    """

    def __init__(self, draw, signals, duration):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.draw, self.signals, self.duration = draw, signals, duration

    def run(self):
        while not self.over.wait(self.draw.uniform(0, self.duration)):
            for number in self.signals:
                os.kill(os.getpid(), number)
                time.sleep(self.draw.choice((0, 1e-4, 1e-3, 5e-3)) * self.draw.random())


def in_fit(frame):
    while frame is not None and frame.f_code.co_name not in FINALIZERS:
        if frame.f_code.co_filename == _fit.__file__ and frame.f_code.co_name == "wrapped":
            return True
        frame = frame.f_back
    return False


def handle(number, frame):
    if in_fit(frame):
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(143)


def compiled():
    hidden = [keras.layers.Dense(8, "tanh"), layers.Dropout(0.2, seed=1)]
    model = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def train(model, *callbacks, epochs=EPOCHS):
    settings = {"batch_size": 4, "shuffle": False, "verbose": 0, "epochs": epochs}
    return model.fit(X, Y, callbacks=list(callbacks), **settings).history


def interrupted(model, draw, signals, duration, restore, directory):
    """Train until it is interrupted; return what was lost."""
    scores = Scores(draw, model.weights if restore == "weights" else state_variables(model))
    stopping = EarlyStopping(
        "score", mode="min", patience=EPOCHS, restore=restore, directory=directory
    )
    presses = Presses(draw, signals, duration)
    presses.start()
    try:
        train(model, scores, stopping, checked := Checked())
    except BaseException as error:  # TensorFlow raises another where its own scopes are torn.
        presses.over.set()
        raised = error
    presses.join()
    lost = losses(stopping.report, scores, checked.epochs)
    if lost != WHOLE:
        return f"{lost}, {raised!r}"
    # On JAX a step that is interrupted while it runs takes the optimizer's state with it.
    goes_on = restore == "state" or keras.backend.backend() != "jax"
    if stopping.report.restored:
        assert np.isfinite(model.predict(X, verbose=0)).all()
        assert not goes_on or np.isfinite(train(model, epochs=1)["loss"]).all()
    return lost


def losses(report, scores, checked):
    if report.reason != "interrupted" and (checked or report.message != Progress().message):
        return f"the reason: {report.reason}"
    # The check behind which it was interrupted may be over or not.
    bests = [int(np.argmin(scores.values[:n])) for n in (checked, checked + 1) if scores.values[:n]]
    if report.best_epoch is None:
        return "every epoch" if checked or report.restored else WHOLE
    if report.best_epoch not in bests:
        return f"the best epoch: {report.best_epoch} is none of {bests}"
    if not report.restored:
        return "the report: not restored"
    for variable, best in zip(scores.variables, scores.held[report.best_epoch], strict=True):
        if not np.array_equal(array(variable), best):
            return f"weights of epoch {report.best_epoch}: {variable.path}"
    return WHOLE


def main(folder, trainings, seed=0):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    warnings.simplefilter("error", UserWarning)
    sys.setswitchinterval(1e-4)
    draw = random.Random(seed)
    model = compiled()
    train(model, epochs=2)
    model.predict(X, verbose=0)
    everything = [*model.variables, *model.optimizer.variables]
    start = [np.array(array(variable)) for variable in everything]
    began = time.monotonic()
    train(model, Scores(draw, everything), EarlyStopping("score", mode="min"), epochs=20)
    duration = time.monotonic() - began
    for number in range(trainings):
        signals = [signal.SIGINT] * (3 if number % 3 == 0 else 2)
        if number % 5 == 0:
            signals[1] = signal.SIGTERM
        restore, stored = ("weights", "state")[number % 2], number // 2 % 2
        directory = folder / str(number) if stored else None
        for variable, value in zip(everything, start, strict=True):
            variable.assign(value)
        lost = interrupted(model, draw, signals, duration, restore, directory)
        where = "on disk" if directory else "in memory"
        print(f"{number}: {len(signals)} signals, {restore} {where}: {lost}", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:]))
