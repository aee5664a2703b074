"""A training that is killed and run again.

python -m tests.callbacks.training_state.resumable FOLDER
"""

import os
import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, TrainingState
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ExponentialDecay

RESULT = "result.npz"
EPOCHS = 14
BATCH = 32


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


def train(folder: str, save_freq="epoch") -> None:
    """Train, and write everything that training leaves to `folder/result.npz`."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    model, data = build(), Digits(x[:640], y[:640])
    stopping = EarlyStopping("val_loss", min_delta=0.01, patience=2)
    monitor = GradientMonitor(every=3, statistics=("full", "cosine"))
    plateau = keras.callbacks.EarlyStopping("val_accuracy", patience=20)
    history = model.fit(
        data,
        epochs=EPOCHS,
        validation_data=(x[1000:1200], y[1000:1200]),
        callbacks=[
            EpochOfData(data),
            TrainingState(os.path.join(folder, "state"), save_freq),
            monitor,
            stopping,
            plateau,
        ],
        verbose=0,
    )
    result = {f"weight{i}": value for i, value in enumerate(model.get_weights())}
    for i, variable in enumerate(model.optimizer.variables):
        result[f"optimizer{i}"] = keras.ops.convert_to_numpy(variable)
    result |= {f"history_{name}": np.array(v) for name, v in history.history.items()}
    result["epochs"] = np.array(history.epoch)
    result["stopping"] = np.array([stopping.stopped_epoch, stopping.best_epoch, stopping.wait])
    result["plateau"] = np.array([plateau.best_epoch, plateau.wait])
    recorded = monitor.history
    result |= {"steps": recorded.steps, "table": recorded.table, "noise": recorded.noise}
    unfinished = os.path.join(folder, "unfinished.npz")
    np.savez(unfinished, **result)
    os.replace(unfinished, os.path.join(folder, RESULT))


if __name__ == "__main__":
    train(sys.argv[1], *(int(n) for n in sys.argv[2:]))
