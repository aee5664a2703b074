"""Through how many files a schedule's value comes into the optimizer."""

import keras
import pytest

from keras_trainkit.callbacks import LearningRate
from keras_trainkit.schedules import CosineDecay, ExponentialDecay
from tests.callbacks.paced import fit, line
from tests.trips import files_run

WRITERS = {"torch": "scalar.py", "tensorflow": "_tensorflow.py", "jax": "_jax.py"}
ALWAYS = {
    "callbacks/learning_rate.py",
    "callbacks/_learning_rate/driven.py",
    "callbacks/_learning_rate/rates.py",
    f"callbacks/_learning_rate/{WRITERS[keras.backend.backend()]}",
    "schedules/_schedule.py",
    "schedules/_time.py",
}
MOST = 8
# There the value is written into the state that `fit` holds, which Keras names privately.
if keras.backend.backend() == "jax":
    ALWAYS.add("_keras_internals.py")
    MOST = 9


class Traced(LearningRate):
    """Notes for each step which files of the package have code that runs in front of it."""

    def __init__(self, schedule):
        super().__init__(schedule)
        self.trips = []

    def on_train_batch_begin(self, batch, logs=None):
        with files_run() as files:
            super().on_train_batch_begin(batch, logs)
        self.trips.append(files)


@pytest.mark.parametrize(
    ("schedule", "own"),
    [
        (CosineDecay(0.1, "100%").warmup("1 epoch"), {"cosine", "combined"}),
        (
            ExponentialDecay(0.1, "1 epoch", 0.5, staircase=True).warmup("0.5 epochs"),
            {"decays", "combined"},
        ),
    ],
)
def test_a_value_comes_through_few_files_into_the_optimizer(schedule, own):
    callback = Traced(schedule)
    fit(line(), [callback])
    # In the first step the schedule is worked out for many steps at once.
    assert callback.trips[0] == ALWAYS | {f"schedules/{name}.py" for name in own}
    assert max(len(trip) for trip in callback.trips) <= MOST
