"""A training that crashes and is run again equals the one that ran through, bit for bit."""

import keras
import numpy as np
import pytest
from keras.optimizers import SGD

from keras_trainkit import optimizers, schedules
from keras_trainkit.callbacks import EarlyStopping, LearningRate, SwapIterate
from keras_trainkit.callbacks._training_state.variables import state_optimizers
from tests.callbacks.custom_steps import Guide, ListTaking, Pair
from tests.callbacks.monitored import data
from tests.callbacks.stopped import Scores
from tests.callbacks.training_state.crashes import (
    BATCH,
    SCORES,
    STEPS,
    Batches,
    Training,
    arrays,
    assert_resumes,
    assert_same,
    compiled,
    forget_fits,
    network,
)
from tests.selection import full_on_torch

MIXED = "mixed_float16"


def batches_of_keras():
    return {"x": Batches()}


def batches_of_tensorflow():
    import tensorflow as tf

    x, y = data(STEPS * BATCH)
    return {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH), "shuffle": False}


def shuffled():
    return {**arrays(), "shuffle": True}


def twice_as_many():
    x, y = data(2 * STEPS * BATCH)
    return {**arrays(), "x": x, "y": y}


def nag():
    return network(optimizers.NAG(schedules.ExponentialDecay(0.1, 4, 0.9)))


def two_optimizers():
    model = Pair()
    adams = [keras.optimizers.Adam(), keras.optimizers.Adam(0.01)]
    return compiled(model, adams)


def custom_step():
    model = Guide()
    model.build((None, 3))
    return compiled(model)


class ChangedRate(keras.callbacks.Callback):
    """Makes dropout stronger from epoch to epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[1].rate = 0.1 * (epoch + 1)


class NoisyRate(keras.callbacks.Callback):
    """Draws from NumPy's generator after every step and every epoch."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.layers[1].rate = np.random.uniform(0.1, 0.5)

    def on_epoch_end(self, epoch, logs=None):
        self.on_train_batch_end(0)


class Tired(keras.callbacks.Callback):
    """Lowers the learning rate by a count that it keeps, and logs it."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1
        self.model.optimizer.learning_rate = 0.1 / self.seen
        logs["seen"] = self.seen

    def get_state(self):
        return self.seen

    def set_state(self, state):
        self.seen = state


def stopping(kind, **arguments):
    return [Scores(SCORES), kind("score", mode="min", patience=3, **arguments)]


def keras_callbacks(folder):
    of_keras = keras.callbacks
    kept = stopping(of_keras.EarlyStopping, restore_best_weights=True)
    return [*kept, of_keras.ReduceLROnPlateau("score", 0.5, patience=1, mode="min", cooldown=1)]


def planned(folder):
    schedule = schedules.CosineDecay(0.1, "100%").warmup("1 epoch")
    plateau = keras.callbacks.ReduceLROnPlateau("score", 0.5, patience=1, mode="min")
    return [Scores(SCORES), LearningRate(schedule), plateau]


def one_cycle(folder):
    schedule = schedules.OneCycle(0.1)
    return [LearningRate(schedule, also={"momentum": schedule.momentum()})]


def average():
    return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.7)


VALIDATED = {"validation_data": data(8)}


class Noise(keras.layers.Layer):
    """Draws without a seed of its own."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


def noisy():
    layers = [keras.Input((3,)), Noise(), keras.layers.Dense(2, "softmax")]
    return compiled(keras.Sequential(layers))


CASES = {
    "shuffled arrays": Training(data=shuffled, backends=("jax", "torch")),
    "PyDataset": Training(data=batches_of_keras),
    "tf.data": Training(data=batches_of_tensorflow, backends=("tensorflow",)),
    "validation": Training(fit={**VALIDATED, "validation_freq": 2, "verbose": 1}, crash=(3, None)),
    "schedule": Training(
        make=lambda: network(optimizers.Adam(schedules.ExponentialDecay(0.1, 4, 0.9)))
    ),
    "iterate of NAG": Training(make=nag, callbacks=lambda folder: [SwapIterate()], fit=VALIDATED),
    "AdamW": Training(make=lambda: network(optimizers.AdamW(0.05, weight_decay=0.1))),
    "average": Training(make=lambda: network(SGD(0.1, momentum=0.5, use_ema=True))),
    "average swapped in": Training(
        make=lambda: network(average()),
        callbacks=lambda folder: [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)],
        fit=VALIDATED,
    ),
    "mixed precision": Training(policy=MIXED),
    "accumulated gradients": Training(
        make=lambda: network(SGD(0.1, gradient_accumulation_steps=4))
    ),
    "several steps per execution": Training(
        make=lambda: network(make=ListTaking, steps_per_execution=4),
        data=twice_as_many,
        save_freq=8,
        steps=2 * STEPS,
        steps_per_execution=4,
        crash=(2, 11),
    ),
    "eager steps": Training(make=lambda: network(run_eagerly=True), epochs=2, crash=(1, 4)),
    "custom step": Training(make=custom_step),
    "two optimizers": Training(make=two_optimizers),
    "changed rate": Training(callbacks=lambda folder: [ChangedRate()]),
    "rates at random, in an epoch": Training(callbacks=lambda folder: [NoisyRate()]),
    "rates at random": Training(callbacks=lambda folder: [NoisyRate()], crash=(2, None)),
    "our early stopping": Training(
        callbacks=lambda folder: stopping(EarlyStopping), epochs=8, crash=(5, 4)
    ),
    "our early stopping of the state": Training(
        callbacks=lambda folder: stopping(EarlyStopping, restore="state", smoothing=0.3),
        epochs=8,
        crash=(5, 4),
    ),
    "our early stopping by steps": Training(
        callbacks=lambda folder: [EarlyStopping("loss", every=4, patience=99)], crash=(1, 4)
    ),
    "early stopping and plateau of Keras": Training(
        callbacks=keras_callbacks, epochs=8, crash=(5, None), save_freq="epoch"
    ),
    "scheduler": Training(
        callbacks=lambda folder: [
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
        ]
    ),
    "schedule and plateau": Training(callbacks=planned, epochs=8, crash=(5, 4)),
    "rate and momentum": Training(
        make=lambda: network(optimizers.NAG(0.1, momentum=0.9)), callbacks=one_cycle
    ),
    "noise without a seed": Training(make=noisy, backends=("tensorflow", "torch")),
    "a callback with a state": Training(callbacks=lambda folder: [Tired()]),
    "Keras's backups beside": Training(
        callbacks=lambda folder: [keras.callbacks.BackupAndRestore(folder / "backup")]
    ),
}


# What every backend runs in the short form, beside what PyTorch cannot: each state once.
SHORT = (
    "PyDataset",
    "iterate of NAG",
    "mixed precision",
    "two optimizers",
    "our early stopping of the state",
    "schedule and plateau",
)


@pytest.mark.oldest
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(
    "training",
    full_on_torch(
        [
            pytest.param(row, id=name, marks=pytest.mark.backend(*row.backends))
            for name, row in CASES.items()
        ],
        keep=SHORT,
    ),
)
def test_goes_on_as_if_never_interrupted(training, tmp_path):
    resumed = assert_resumes(training, tmp_path)
    assert resumed.history.epoch == list(range(len(resumed.history.history["loss"])))


@pytest.mark.short("torch")
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_goes_on_from_any_instant(save_freq, tmp_path):
    through = Training().run(tmp_path / "through")
    for crash in [(0, 1), (1, 0), (1, 4), (3, None)]:
        training = Training(crash=crash, save_freq=save_freq)
        folder = tmp_path / str(crash)
        training.crashed(folder)
        resumed = training.resumed(folder)
        assert resumed.steps == through.steps - training.saved
        assert_same(resumed, through)


def test_goes_on_after_several_crashes(tmp_path):
    training = Training(data=batches_of_keras)
    through = training.run(tmp_path / "through")
    for crash in [(0, 1), (0, 4), (1, 2), (1, None), (3, 5), (3, None)]:
        Training(data=batches_of_keras, crash=crash).crashed(tmp_path / "crashed")
    resumed = training.resumed(tmp_path / "crashed")
    assert resumed.steps == 0
    assert resumed.callbacks[0].epochs == [3]
    assert_same(resumed, through)


@pytest.mark.short("torch")
def test_finds_the_optimizers_of_parts_and_in_nested_attributes():
    class Parts(keras.Model):
        """Has three optimizers, and one of them twice."""

        def __init__(self):
            super().__init__()
            self.part = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
            self.part.compile(SGD(0.1))
            self.more = {"of": {"a": SGD(0.2)}, "same": [self.part.optimizer]}
            self.more["itself"] = self.more

    model = Parts()
    model.compile(SGD(0.3))
    found = [float(one.learning_rate) for one in state_optimizers(model)]
    assert sorted(found) == pytest.approx([0.1, 0.2, 0.3])


class Stop(keras.callbacks.Callback):
    """Stops for the time being, as at the end of the time of a job: once, in a step."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.instant = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.instant:
            self.model.stop_training = True


@pytest.mark.oldest
@pytest.mark.parametrize("save_freq", full_on_torch(["epoch", 1], keep=("epoch",)))
@pytest.mark.parametrize(
    "instant",
    full_on_torch(
        [pytest.param(i, id=f"{i}") for i in [(1, 2), (3, 1), (1, STEPS - 1)]], keep=["(1, 2)"]
    ),
)
def test_a_stop_in_the_middle_of_an_epoch_loses_nothing_of_it(instant, save_freq, tmp_path):
    training = Training(save_freq=save_freq)
    through = training.run(tmp_path / "through")
    state = training.state(tmp_path, delete_checkpoint=True)
    stopped = training.run(tmp_path, Stop(*instant), state)
    assert stopped.steps == instant[0] * STEPS + instant[1] + 1
    forget_fits()
    resumed = training.resumed(tmp_path)
    assert resumed.steps == through.steps - stopped.steps
    assert_same(resumed, through)
