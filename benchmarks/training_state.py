"""TrainingState and EarlyStopping: what the end of an epoch costs, as a share of the epoch.

A network of 10 million parameters, trained with Adam on batches of 128. An epoch of 100 steps is
the reference: ten times ten steps through Keras's train function. "bytes only" writes the same
arrays with `ndarray.tofile` and fsync, which is what no snapshot can go without. The last column is
the largest growth of host memory in one call, in copies of the weights.
"""

import atexit
import itertools
import os
import shutil
import tempfile
import tracemalloc
from collections.abc import Sequence
from typing import Any

import _harness
import _trainers
import keras

from keras_trainkit.callbacks import EarlyStopping, TrainingState

CASE = "10M"
STEPS = 10
EPOCH = 100


def compare(case: str) -> None:
    """Print the share of an epoch, and the memory, that each callback costs at its end."""
    step = _trainers.step(_trainers.compiled(case, keras.optimizers.Adam()), case)
    contenders = {
        "steps": lambda: [step() for _ in range(STEPS)],
        "steps, A/A": lambda: [step() for _ in range(STEPS)],
        "bytes only": bytes_only(model_of(case)),
        "TrainingState": epoch_end(model_of(case), TrainingState),
        "keras BackupAndRestore": epoch_end(model_of(case), keras.callbacks.BackupAndRestore),
        "EarlyStopping, improving": epoch_end(
            model_of(case), lambda _: EarlyStopping("loss", mode="min")
        ),
        "keras EarlyStopping": epoch_end(
            model_of(case),
            lambda _: keras.callbacks.EarlyStopping("loss", mode="min", restore_best_weights=True),
        ),
    }
    peaks = {name: peak(run) for name, run in contenders.items()}
    seconds = _harness.measured(contenders)
    epoch = seconds["steps"] * EPOCH / STEPS
    weights = sum(weight.nbytes for weight in model_of(case).get_weights())
    for name, values in seconds.items():
        if name == "steps, A/A":
            _harness.print_ratio(case, name, values * EPOCH / STEPS / epoch)
        elif name != "steps":
            _harness.print_ratio(case, name, values / epoch)
            print(f"{'':28} {'memory':26} {peaks[name] / weights:6.2f}", flush=True)
    beyond = (seconds["TrainingState"] - seconds["bytes only"]) / epoch
    _harness.print_ratio(case, "TrainingState - bytes", beyond)


def model_of(case: str) -> keras.Model:
    """Return the network, whose optimizer has its variables."""
    return _trainers.compiled(case, keras.optimizers.Adam())


def bytes_only(model: keras.Model) -> _harness.Run:
    """Return a function that writes all variables to a file, and does nothing else."""
    variables = [*model.variables, *model.optimizer.variables]
    path = os.path.join(temporary_folder(), "bytes")

    def write() -> None:
        with open(path, "wb") as file:
            for variable in variables:
                keras.ops.convert_to_numpy(variable).tofile(file)
            file.flush()
            os.fsync(file.fileno())

    return write


def epoch_end(model: keras.Model, make: Any) -> _harness.Run:
    """Return a function that ends an epoch, each better than the last."""
    called = keras.callbacks.CallbackList(
        [make(temporary_folder())], add_history=True, model=model, epochs=10**9
    )
    called.on_train_begin()
    epochs = itertools.count()

    def end() -> None:
        epoch = next(epochs)
        called.on_epoch_end(epoch, {"loss": -float(epoch)})

    return end


def peak(run: _harness.Run, calls: Sequence[int] = range(3)) -> int:
    """Return how far the memory of NumPy and Python grew in the last of some calls."""
    for _ in calls:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        run()
        grown = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    return grown


def temporary_folder() -> str:
    """Return a new folder that is deleted with the process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


if __name__ == "__main__":
    columns = f"{'':28} {'at the end of an epoch':26} {'share':>6}  [p10 p90]"
    _harness.each_alone(compare, [CASE], columns)
