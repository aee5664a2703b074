"""Trainings that crash and are run again, beside the same ones that run through."""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_trainkit import layers
from keras_trainkit.callbacks import TrainingState
from keras_trainkit.callbacks._training_state import place
from tests.callbacks.monitored import data
from tests.contracts import array

ALL = ("tensorflow", "jax", "torch")
ROWS = 24
BATCH = 4
STEPS = ROWS // BATCH
SCORES = [5.0, 3.0, 4.0, 2.0, 4.0, 4.0, 4.0, 4.0]
NUMBERS = (bool, int, float, np.number)


class Batches(keras.utils.PyDataset):
    """Batches in their order."""

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        x, y = data()
        rows = np.arange(index * BATCH, (index + 1) * BATCH) % len(x)
        return x[rows], y[rows]


class CrashError(Exception):
    """Ends a training where no callback of the package has a say."""


class Crash(keras.callbacks.Callback):
    """Raises at the end of an epoch, or of one of its steps. Put it before `TrainingState`."""

    def __init__(self, epoch, batch=None, error=CrashError):
        super().__init__()
        self.instant, self.error = (epoch, batch), error

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.strike(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.strike(None)

    def strike(self, batch):
        if (self.epoch, batch) == self.instant:
            raise self.error


class Calls(keras.callbacks.Callback):
    """Notes the epochs that were trained, and counts their calls of the train function."""

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1


def network(optimizer="adam", make=keras.Sequential, **compile_arguments):
    model = make(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh"),
            layers.Dropout(0.3, seed=1),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    return compiled(model, optimizer, **compile_arguments)


def compiled(model, optimizer="adam", **compile_arguments):
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, **{"loss": loss, "metrics": ["accuracy"]} | compile_arguments)
    return model


def arrays():
    x, y = data(ROWS)
    return {"x": x, "y": y, "batch_size": BATCH, "shuffle": False}


def forget_fits():
    """Let folders be found as a new process finds them."""
    place._fits.clear()


def no_callbacks(folder):
    return []


@dataclass(frozen=True)
class Training:
    """What a script does: build a model, make callbacks, fit.

    `callbacks` is given a folder that lasts as the snapshots do. `crash` is an epoch, and the step
    (0-based) at whose end it comes, or None for the end of the epoch.
    """

    make: Callable[[], keras.Model] = network
    callbacks: Callable[[Path], list] = no_callbacks
    data: Callable[[], dict[str, Any]] = arrays
    fit: dict[str, Any] = field(default_factory=dict)
    epochs: int = 4
    crash: tuple[int, int | None] = (2, 4)
    save_freq: int | str = 3
    policy: str = "float32"
    steps: int = STEPS
    steps_per_execution: int = 1
    backends: tuple[str, ...] = ALL

    def run(self, folder, *more, **fit_arguments):
        """Do it as a new process does, in so far as one process can."""
        keras.config.set_dtype_policy(self.policy)
        keras.utils.set_random_seed(4)
        model = self.make()
        folder.mkdir(parents=True, exist_ok=True)
        callbacks = [Calls(), *self.callbacks(folder), *more]
        arguments = {"epochs": self.epochs, "verbose": 0, **self.data(), **self.fit}
        history = model.fit(callbacks=callbacks, **arguments | fit_arguments)
        return Trained(model, callbacks, history)

    def state(self, folder, **arguments):
        return TrainingState(folder / "state", **{"save_freq": self.save_freq} | arguments)

    def crashed(self, folder, **arguments):
        """Train until the crash."""
        with pytest.raises(CrashError):
            self.run(folder, Crash(*self.crash), self.state(folder, **arguments))
        forget_fits()  # The process has died.

    def resumed(self, folder, **arguments):
        """Train to the end from the last snapshot."""
        return self.run(folder, self.state(folder), **arguments)

    @property
    def saved(self):
        """How many calls of the train function the last snapshot before the crash follows."""
        epoch, batch = self.crash
        every = self.steps if self.save_freq == "epoch" else self.save_freq
        done = 0 if batch is None and self.save_freq == "epoch" else batch
        steps = (self.steps if done is None else done) // every * every
        return (epoch * self.steps + steps) // self.steps_per_execution


@dataclass(frozen=True)
class Trained:
    model: keras.Model
    callbacks: list
    history: keras.callbacks.History

    @property
    def steps(self):
        return self.callbacks[0].steps

    @property
    def everything(self):
        """What a user can look at after `fit`, by name."""
        model, found = self.model, {}
        own = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
        variables = [v for optimizer in [model.optimizer, *own] for v in optimizer.variables]
        found["variables"] = [array(v) for v in [*model.variables, *variables]]
        found["history"] = dict(self.history.history)
        found["epochs"] = self.history.epoch
        for callback in self.callbacks[1:]:
            if not isinstance(callback, (TrainingState, keras.callbacks.BackupAndRestore)):
                found[type(callback).__name__] = numbers(callback)
        return found


def numbers(callback):
    """Return a callback's public numbers, and the weights that it keeps."""
    properties = [n for n, kind in vars(type(callback)).items() if isinstance(kind, property)]
    public = [name for name in (*vars(callback), *properties) if name[0] != "_"]
    values = {name: getattr(callback, name) for name in public}
    found = {name: value for name, value in values.items() if isinstance(value, NUMBERS)}
    return found | {"best_weights": getattr(callback, "best_weights", None)}


def assert_same(resumed, through):
    """Compare two trainings bit for bit."""
    np.testing.assert_equal(resumed.everything, through.everything)


def assert_resumes(training, folder):
    """Compare a training that crashed and went on with one that ran through."""
    through = training.run(folder / "through")
    training.crashed(folder)
    resumed = training.resumed(folder)
    assert resumed.steps == through.steps - training.saved
    assert_same(resumed, through)
    return resumed


@contextlib.contextmanager
def complaints():
    """Collect the messages of the package's warnings."""
    messages = []
    with warnings.catch_warnings(record=True, action="always", category=UserWarning) as record:
        yield messages
    messages.extend(str(warning.message) for warning in record)
