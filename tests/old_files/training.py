"""The training whose files stand here, as version 0.1.0 wrote them before one codec wrote all.

KERAS_BACKEND=torch python -P tests/old_files/training.py FOLDER
"""

import json
import os
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, SwapIterate, TrainingState
from keras_trainkit.initializers import GlorotUniform
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ExponentialDecay
from tests.diagnosis.samples import full_history

BACKEND = keras.backend.backend()
EPOCHS, STEPS, CRASH = 3, 6, (1, 4)
X = np.linspace(-1, 1, 72, dtype="float32").reshape(24, 3) ** 3
Y = X @ np.float32([[1, 0], [0, 2], [-1, 1]])


class CrashError(Exception):
    """Ends the training behind the last snapshot."""


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == CRASH:
            raise CrashError


class Network(keras.Sequential):
    """Tells its shapes only: what else Keras tells of a model is not the same in all versions."""

    def get_config(self):
        raise NotImplementedError


def history():
    return full_history(layers=2, steps=3)


def model(kind=keras.Sequential):
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(5)
    made = kind(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", kernel_initializer=GlorotUniform(seed=2)),
            BatchNormalization(),
            Dropout(0.3, seed=1),
            keras.layers.Dense(2),
        ]
    )
    made.compile(NAG(ExponentialDecay(0.05, 4, 0.9), 0.8), "mse", metrics=["mae"])
    return made


def train(*more):
    """Train, and return the known numbers of the whole training."""
    trained = model(Network)
    stopping = EarlyStopping(
        ("val_loss", "val_mae"), smoothing=0.5, max_gap=9.0, patience=5, restore_best_weights=False
    )
    monitor = GradientMonitor(every=2)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=9)
    logged = trained.fit(
        X,
        Y,
        batch_size=len(X) // STEPS,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        validation_data=(X[:8], Y[:8]),
        callbacks=[SwapIterate(), stopping, monitor, plateau, *more],
    )
    return {
        **numbers_of(trained),
        "history": logged.history,
        "epochs": logged.epoch,
        "stopping": [stopping.best, stopping.best_epoch, stopping.wait, stopping.report.best_step],
        "steps": monitor.history.steps.tolist(),
        "norms": monitor.history["norm"].tolist(),
    }


def numbers_of(trained):
    def values(variables):
        return [keras.ops.convert_to_numpy(variable).tolist() for variable in variables]

    return {
        "weights": values(trained.weights),
        "optimizer": values(trained.optimizer.variables),
        "stream": values([trained.layers[2].seed_generator.state]),
        "predictions": trained.predict(X, verbose=0).tolist(),
    }


def write_snapshot(folder):
    known = train()
    try:
        train(Crash(), TrainingState(folder / "state", save_freq=3, keep=1))
    except CrashError:
        (snapshot,) = (folder / "state" / "fit-000").iterdir()
    os.replace(snapshot, folder / "snapshot.npz")
    shutil.rmtree(folder / "state")
    (folder / "snapshot.json").write_text(json.dumps(known))


def write_model(folder):
    trained = model()
    trained.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    trained.save(folder / "model.keras")
    trained.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(json.dumps(numbers_of(trained)))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    history().save(target / "history.npz")
    (target / BACKEND).mkdir()
    write_snapshot(target / BACKEND)
    write_model(target / BACKEND)
