"""The first `fit` of a process, with callbacks that are made, or loaded, in the very call.

Python evaluates `model.fit` before them; where they are loaded that is even before the package is
imported.
"""

import pytest

from tests.contracts import run_in_fresh_process

SCRIPT = """
import pickle, sys
import keras, numpy as np

class Data(keras.utils.PyDataset):
    failing = ()

    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i in self.failing:
            raise KeyError(i)
        x = np.random.default_rng(i).normal(size=(4, 3))
        return x, x[:, :1]

class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = [1, 2, 3][epoch]
        if epoch == 1:
            raise KeyError(epoch)
        self.first = self.model.get_weights()

def fit(epochs, callbacks):
    try:
        model.fit(data, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks())
    except Exception as error:
        return type(error).__name__

folder = sys.argv[1]
keras.utils.set_random_seed(1)
model, data = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), Data()
model.compile("sgd", "mse")
"""
KILLED = """
from keras_trainkit.callbacks import TrainingState

class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 4):
            raise KeyError

state = TrainingState(folder, 4)
with open(f"{folder}/callbacks", "wb") as file:
    pickle.dump([state], file)
assert fit(3, lambda: [state, Crash()]) == "KeyError"
"""
RESUMED = """
data.failing = [2]
try:
    model.fit(data, epochs=3, verbose=0, shuffle=False, callbacks={callbacks})
except Exception:  # Each backend has one of its own for what the data raises.
    pass
else:
    raise AssertionError
assert type(model.train_function).__name__ != "SkippedSteps"
assert model._initial_epoch is None
before = model.get_weights()[0]
data.failing = ()
assert fit(1, list) is None
assert not np.array_equal(before, model.get_weights()[0]), "a plain fit trains nothing"
"""
IN_THE_CALL = "[__import__('keras_trainkit').callbacks.TrainingState(folder, 4)]"


@pytest.mark.parametrize(
    "callbacks",
    [
        pytest.param("pickle.load(open(f'{folder}/callbacks', 'rb'))", id="loaded"),
        pytest.param(IN_THE_CALL, id="made", marks=pytest.mark.short()),
    ],
)
def test_an_error_while_steps_are_passed_over_leaves_nothing_behind(callbacks, tmp_path):
    run_in_fresh_process(SCRIPT + KILLED, tmp_path)
    run_in_fresh_process(SCRIPT + RESUMED.replace("{callbacks}", callbacks), tmp_path)


SAVED = """
from keras_trainkit.callbacks import EarlyStopping, GradientMonitor, LearningRate
from keras_trainkit.schedules import CosineDecay

made = [
    EarlyStopping("score", mode="min", patience=9),
    LearningRate(CosineDecay(0.1, "100%")),
    GradientMonitor(1, log_dir=f"{folder}/runs", fetch_every=1),
]
with open(f"{folder}/callbacks", "wb") as file:
    pickle.dump(made, file)
"""
LOADED = """
assert "keras_trainkit" not in sys.modules
crash = Crash()
try:
    model.fit(data, epochs=3, verbose=0, shuffle=False,
              callbacks=[crash, *(made := pickle.load(open(f"{folder}/callbacks", "rb")))])
except KeyError:
    pass
stopping, rate, monitor = made
for held, best in zip(model.get_weights(), crash.first, strict=True):
    np.testing.assert_array_equal(held, best)
assert stopping.report.restored
assert "assign" not in vars(model.optimizer.learning_rate), "the rate is still watched"
assert len(monitor.history.steps) == 12
"""


@pytest.mark.short("torch")
def test_callbacks_that_are_loaded_in_the_call_end_it_as_ever(tmp_path):
    run_in_fresh_process(SCRIPT + SAVED, tmp_path)
    run_in_fresh_process(SCRIPT + LOADED, tmp_path)
