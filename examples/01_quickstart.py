"""Train on handwritten digits with every component of keras_trainkit in its place.

    make demo                      # or: python examples/01_quickstart.py --help

Real data (1797 images that ship with scikit-learn, no download): an MLP with matched initializers,
batch normalization and dropout; NAG with a decay; early stopping; the gradient monitor; and then a
small search over the same choices.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_trainkit.callbacks import EarlyStopping, GradientMonitor
from keras_trainkit.initializers import for_activation
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import ExponentialDecay
from keras_trainkit.tuner import HyperMLP, RandomSearch, spaces

BATCH_SIZE = 32
CLASSES = 10

Split = tuple[np.ndarray, np.ndarray]


def load_splits() -> tuple[Split, Split, Split]:
    """Return train, validation and test data (60/20/20), pixels normalized to [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(
        images / 16.0, labels, test_size=0.2, stratify=labels, random_state=42
    )
    x_train, x_val, y_train, y_val = train_test_split(
        x_rest, y_rest, test_size=0.25, stratify=y_rest, random_state=42
    )
    return (x_train, y_train), (x_val, y_val), (x_test, y_test)


def build_model(steps_per_epoch: int) -> keras.Model:
    """Return two hidden blocks Linear -> BatchNorm -> ReLU -> Dropout and a softmax, compiled."""
    model = keras.Sequential([keras.Input((64,))])
    for units in (256, 128):
        model.add(
            keras.layers.Dense(units, use_bias=False, kernel_initializer=for_activation("relu"))
        )
        model.add(BatchNormalization(momentum=0.9))
        model.add(keras.layers.Activation("relu"))
        model.add(Dropout(0.3))
    model.add(keras.layers.Dense(CLASSES, "softmax", kernel_initializer=for_activation("softmax")))
    decay = ExponentialDecay(0.05, decay_steps=steps_per_epoch, decay_rate=0.95)
    model.compile(NAG(decay, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(train_data: Split, validation_data: Split) -> tuple[keras.Model, GradientMonitor]:
    """Fit until the validation loss has stopped falling; return the best model and the monitor."""
    model = build_model(steps_per_epoch=-(-len(train_data[0]) // BATCH_SIZE))
    monitor = GradientMonitor(probe=validation_data[0])
    model.fit(
        *train_data,
        batch_size=BATCH_SIZE,
        epochs=60,
        validation_data=validation_data,
        callbacks=[monitor, EarlyStopping(patience=8, verbose=1)],
    )
    return model, monitor


def search(train_data: Split, validation_data: Split, folder: Path, seed: int):
    """Try a few recipes from HyperMLP's spaces; return the tuner."""
    hypermodel = HyperMLP(
        input_shape=(64,),
        classes=CLASSES,
        hidden_layers=[1, 2],
        width=(64, 256),
        optimizer=spaces.Optimizer(["nag", "adam"]),
        batch_size=BATCH_SIZE,
    )
    tuner = RandomSearch(
        hypermodel,
        objective="val_accuracy",
        max_trials=4,
        seed=1 + seed,
        directory=folder,
        project_name="search",
        overwrite=True,
    )
    tuner.search(*train_data, epochs=6, validation_data=validation_data, verbose=0)
    return tuner


def main() -> None:
    """Run the job and say where its results lie."""
    parser = argparse.ArgumentParser(description="Train on the digits, then search.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/01_quickstart"))
    parser.add_argument("--no-search", action="store_true", help="leave the search out")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(arguments.seed)
    started = time.perf_counter()
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, seed {arguments.seed}\n")

    train_data, validation_data, test_data = load_splits()
    model, monitor = train(train_data, validation_data)
    print(f"\n{monitor.summary()}\n")
    monitor.plot().savefig(arguments.folder / "gradients.png", dpi=120)
    monitor.history.save(arguments.folder / "gradients.npz")

    _, accuracy = model.evaluate(*test_data, verbose=0)
    print(f"Test accuracy of the best epoch: {accuracy:.4f}\n")

    if not arguments.no_search:
        tuner = search(train_data, validation_data, arguments.folder, arguments.seed)
        tuner.results_summary(num_trials=3)
        _, accuracy = tuner.get_best_models(1)[0].evaluate(*test_data, verbose=0)
        print(f"\nTest accuracy of the best of 4 short trials: {accuracy:.4f}")
    print(f"Plots and records: {arguments.folder.resolve()}")
    print(f"Time: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
