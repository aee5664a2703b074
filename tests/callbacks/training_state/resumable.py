"""A training that is killed and run again, with a callback of every kind that leaves something.

python -m tests.callbacks.training_state.resumable FOLDER [SAVE_FREQ]
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, LearningRate, TrainingState
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ExponentialDecay

RESULT, HELD, PASSED, STEPS = "result.npz", "held.npz", "epochs.npz", "steps.txt"
EPOCHS = 14
BATCH = 32
ROWS = 640
# Keras's TensorBoard callback writes by TensorFlow, whatever the backend.
if importlib.util.find_spec("tensorflow"):
    importlib.import_module("tensorflow")


class Digits(keras.utils.PyDataset):
    """Batches in an order that depends on nothing but the epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.epoch = x, y, 0

    def __len__(self):
        return len(self.x) // BATCH

    def __getitem__(self, index):
        order = np.random.default_rng(self.epoch).permutation(len(self.x))
        picked = order[index * BATCH : (index + 1) * BATCH]
        return self.x[picked], self.y[picked]


class EpochOfData(keras.callbacks.Callback):
    """Tell the data which epoch begins."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        self.data.epoch = epoch


class Steps(keras.callbacks.Callback):
    """Append the number of each step that is trained to a file, past all buffers."""

    def __init__(self, folder):
        super().__init__()
        self.file = os.open(folder / STEPS, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        os.write(self.file, f"{self.epoch * (ROWS // BATCH) + batch}\n".encode())


class Passed(keras.callbacks.Callback):
    """Keep what the model would be left with after each epoch, and which is the best so far."""

    def __init__(self, stopping):
        super().__init__()
        self.stopping, self.kept = stopping, {"best": []}

    def on_epoch_end(self, epoch, logs=None):
        self.kept["best"].append(self.stopping.best_epoch)
        with self.model.optimizer.at_iterate():
            self.kept |= numbered(f"epoch{epoch}", self.model.get_weights())


def build() -> keras.Model:
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(32, use_bias=False),
            BatchNormalization(),
            keras.layers.Activation("relu"),
            Dropout(0.2, seed=3),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(NAG(ExponentialDecay(0.1, 20, 0.9)), loss, metrics=["accuracy"])
    return model


def train(place: str, save_freq: str | int = "epoch", **of_state) -> None:
    """Train, and write everything that training leaves to `place/result.npz`.

    Where a signal ends it, write what the model then holds to `place/held.npz`.
    """
    folder = Path(place)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    model, data = build(), Digits(x[:ROWS], y[:ROWS])
    stopping = EarlyStopping("val_loss", min_delta=0.01, patience=2, directory=folder / "best")
    # The first batch that a process sees is another one after a kill.
    runs = folder / "runs"
    monitor = GradientMonitor(3, ("full", "cosine"), probe=x[:32], log_dir=runs / "monitor")
    plateau = keras.callbacks.EarlyStopping("val_accuracy", patience=20)
    passed = Passed(stopping)
    checkpoint = folder / "best.weights.h5"
    callbacks = [
        EpochOfData(data),
        Steps(folder),
        TrainingState(folder / "state", save_freq, **of_state),
        monitor,
        LearningRate(also={"momentum": momentum}, log_dir=runs / "rate"),
        stopping,
        passed,
        plateau,
        keras.callbacks.CSVLogger(str(folder / "rows.csv"), append=True),
        keras.callbacks.ModelCheckpoint(
            str(checkpoint), "val_loss", save_best_only=True, save_weights_only=True
        ),
    ]
    if "tensorflow" in sys.modules:
        callbacks.append(keras.callbacks.TensorBoard(folder / "keras"))
    validation = (x[1000:1200], y[1000:1200])
    try:
        history = model.fit(
            data, epochs=EPOCHS, validation_data=validation, callbacks=callbacks, verbose=0
        )
    except SystemExit:
        held = numbered("weight", model.get_weights())
        write(folder / HELD, {"checks": stopping.checks, **held})
        raise
    result = numbered("weight", model.get_weights())
    result |= numbered("optimizer", map(keras.ops.convert_to_numpy, model.optimizer.variables))
    result |= {f"history_{name}": v for name, v in history.history.items()}
    result["epochs"] = history.epoch
    result["stopping"] = [stopping.stopped_epoch, stopping.best_epoch, stopping.wait]
    result["report"] = str(stopping.report)
    result["plateau"] = [plateau.best_epoch, plateau.wait]
    recorded = monitor.history
    result |= {"steps": recorded.steps, "table": recorded.table, "noise": recorded.noise}
    result["rows"] = (folder / "rows.csv").read_text()
    saved = build()
    saved.load_weights(checkpoint)
    result |= numbered("checkpoint", saved.get_weights())
    write(folder / PASSED, passed.kept)
    write(folder / RESULT, result | shown(folder))


def momentum(step: int) -> float:
    return 0.9 - 0.3 * 0.99**step


def shown(folder: Path) -> dict[str, list]:
    """Return what TensorBoard shows: of our files all of it, of Keras's what was written last.

    Keras's files say of steps that are trained again what they are twice.
    """
    found: dict[str, list] = {}
    for place in {path.parent for path in folder.rglob("events.out.*")}:
        events = EventAccumulator(str(place), {"scalars": 0, "tensors": 0}).Reload()
        name = place.relative_to(folder)
        for tag in events.Tags()["scalars"]:
            found[f"{name}/{tag}"] = [(e.step, e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()["tensors"]:
            last = {e.step: e.tensor_proto.SerializeToString() for e in events.Tensors(tag)}
            if tag != "keras":  # The graph, which names no two layers alike.
                found[f"{name}/{tag}"] = [(step, last[step].hex()) for step in sorted(last)]
    return found


def numbered(name: str, arrays) -> dict[str, np.ndarray]:
    return {f"{name}_{i}": array for i, array in enumerate(arrays)}


def write(path: Path, content: dict) -> None:
    """Write a file that is whole or not there."""
    unfinished = path.with_name(f"unfinished-{path.name}")
    np.savez(unfinished, **content)
    os.replace(unfinished, path)


if __name__ == "__main__":
    train(sys.argv[1], *(int(n) for n in sys.argv[2:]))
