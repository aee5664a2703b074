"""The record: what is kept of many steps, and the numbers that are worked out from two."""

import gc
import os
import sys
import tracemalloc

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.callbacks._gradient_monitor.record import Record
from keras_trainkit.diagnosis.history import BINS
from tests.callbacks.gradient_monitor.tables import a_table


class Variable:
    """What a record asks of a variable."""

    def __init__(self, path, shape=(2, 2)):
        self.path, self.name, self.shape = path, path.rpartition("/")[2], shape


VARIABLES = [Variable("net/a/kernel"), Variable("net/b/kernel")]


def recorded(tables, limit=100, variables=VARIABLES, fetch=1):
    """Return a record of `(step, table)` pairs that arrive `fetch` at a time."""
    record = Record(limit)
    record.begin_epoch(0)
    for i in range(0, len(tables), fetch):
        record.add(tables[i : i + fetch], variables)
    return record


def plain(count, start=0):
    return [(step, a_table({"norm": float(step)}, {})) for step in range(start, start + count)]


# Thinning.


@pytest.mark.host
@pytest.mark.parametrize("limit", [2, 3, 5, 8, 64])
@pytest.mark.parametrize("fetch", [1, 7])
def test_never_more_than_the_limit_and_always_the_first_and_the_last(limit, fetch):
    record = Record(limit)
    for step in range(0, 40 * limit, fetch):
        record.add(plain(fetch, step), VARIABLES)
        steps = record.history().steps
        assert len(steps) <= limit
        assert (steps[0], steps[-1]) == (0, step + fetch - 1)
        assert (np.diff(steps) > 0).all()


@pytest.mark.host
def test_older_steps_stand_wider_apart():
    history = recorded(plain(1000), limit=64, fetch=32).history()
    gaps = np.diff(history.steps)
    assert (np.diff(gaps) <= 0).all()
    assert (gaps[-32:] == 1).all()
    assert gaps[0] > 50
    np.testing.assert_array_equal(history["norm"][:, 0], history.steps)


@pytest.mark.host
def test_below_the_limit_nothing_is_forgotten():
    assert recorded(plain(64), limit=64).history().steps.tolist() == list(range(64))


@pytest.mark.host
def test_logs_and_activations_of_many_epochs_are_thinned_as_steps_are():
    record = recorded(plain(1), limit=8)
    for epoch in range(100):
        record.begin_epoch(epoch)
        record.add_activations([("net/a", "relu", (epoch, 1, 0, 0, np.nan))])
        record.end_epoch({"loss": epoch})
    history = record.history()
    epochs = history.logs["epoch"]
    assert len(epochs) <= 8
    assert (epochs[0], epochs[-1]) == (0, 99)
    np.testing.assert_array_equal(history.logs["loss"], epochs)
    np.testing.assert_array_equal(history.activations.epochs, epochs)
    np.testing.assert_array_equal(history.activations["mean"][:, 0], epochs)


# The comparison of two gradients.


def pair(cosine, norms=(3.0, 4.0), sizes=(8.0, 8.0), steps=(0, 1)):
    """Return two steps of one variable."""
    return [
        (step, a_table({"norm": norm, "cosine": cosine}, facts={"batch_size": size}))
        for step, norm, size in zip(steps, norms, sizes, strict=True)
    ]


@pytest.mark.host
@pytest.mark.parametrize("fetch", [1, 2])
def test_signal_and_noise_of_two_steps(fetch):
    history = recorded(pair(0.5), variables=VARIABLES[:1], fetch=fetch).history()
    # g . g' = 0.5 * 3 * 4; (9 + 16) / 2 - 6 = tr(Sigma) / 8
    np.testing.assert_allclose(history.signal, [np.nan, 6.0])
    np.testing.assert_allclose(history.noise, [np.nan, 6.5 * 8])
    np.testing.assert_allclose(history["cosine"][:, 0], [np.nan, 0.5])


@pytest.mark.host
def test_batches_of_two_sizes():
    history = recorded(pair(0.5, sizes=(8.0, 2.0)), variables=VARIABLES[:1]).history()
    np.testing.assert_allclose(history.noise[1], 6.5 / ((1 / 8 + 1 / 2) / 2))


@pytest.mark.host
def test_steps_that_do_not_follow_each_other_are_not_compared():
    history = recorded(pair(0.5, steps=(0, 2)), variables=VARIABLES[:1]).history()
    assert np.isnan(history["cosine"]).all()
    assert np.isnan(history.signal).all()
    assert np.isnan(history.noise).all()


@pytest.mark.host
def test_forgetting_the_step_before_keeps_what_was_worked_out():
    tables = [(s, a_table({"norm": 2.0, "cosine": 1.0})) for s in range(50)]
    history = recorded(tables, limit=8, variables=VARIABLES[:1]).history()
    np.testing.assert_allclose(history.signal[1:], 4.0)


@pytest.mark.host
def test_without_cosines_there_is_neither_signal_nor_noise():
    history = recorded(plain(3)).history()
    assert np.isnan(history.signal).all()
    assert np.isnan(history.noise).all()


@pytest.mark.host
def test_broken_gradient_gives_no_signal():
    broken = {"norm": np.nan, "cosine": np.nan, "nonfinite": 1.0}
    tables = [(0, a_table({})), (1, a_table(broken)), (2, a_table({"cosine": np.nan}))]
    assert np.isnan(recorded(tables, variables=VARIABLES[:1]).history().signal).all()


@pytest.mark.host
def test_variable_that_appears_later_is_compared_from_then_on():
    record = recorded(pair(0.5)[:1], variables=VARIABLES[:1])
    both = a_table({"norm": 4.0, "cosine": 0.5}, {"norm": 7.0, "cosine": 0.0}, facts={})
    record.add([(1, both), (2, both)], VARIABLES)
    history = record.history()
    assert history.variables == ("net/a/kernel", "net/b/kernel")
    assert np.isnan(history.table[0, 1]).all()
    np.testing.assert_allclose(history["norm"], [[3, np.nan], [4, 7], [4, 7]])
    np.testing.assert_allclose(history.signal, [np.nan, 6.0, 8.0])


@pytest.mark.host
def test_counts_of_a_variable_that_appears_later():
    counts = np.zeros((2, BINS))
    counts[:, 40] = 4096
    record = Record(9)
    record.add([(0, a_table({}, counts=counts[:1]))], VARIABLES[:1])
    record.add([(1, a_table({}, {}, counts=counts))], VARIABLES)
    assert record.history().histograms[:, :, 40].tolist() == [[4096, 0], [4096, 4096]]


# The logs.


@pytest.mark.host
def test_means_are_over_the_finite_steps_of_the_epoch():
    one = VARIABLES[:1]
    record = recorded([(0, a_table({"norm": 100.0}))], variables=one)
    assert record.means() == {"grad_norm": 100.0, "update_ratio": 0.0625}
    record.begin_epoch(1)
    assert record.means() == {}
    for step, norm, moved in ((1, 3.0, 0.5), (2, 5.0, 0.25)):
        record.add([(step, a_table({"norm": norm, "update_norm": moved}))], one)
    broken = {"norm": np.nan, "nonfinite": 1.0, "weight_norm": np.nan, "update_norm": np.nan}
    record.add([(3, a_table(broken))], one)
    assert record.means() == {"grad_norm": 4.0, "update_ratio": (0.5 + 0.25) / 2 / 8}


@pytest.mark.host
def test_means_of_an_epoch_without_a_finite_step_are_nan():
    record = recorded([(0, a_table({"norm": np.nan, "nonfinite": 1.0, "weight_norm": np.nan}))])
    assert set(record.means()) == {"grad_norm", "update_ratio"}
    assert np.isnan(list(record.means().values())).all()


@pytest.mark.host
def test_noise_scale_in_the_logs_is_that_of_the_history():
    tables = [
        (s, a_table({"norm": norm, "cosine": cosine}))
        for s, (norm, cosine) in enumerate([(3, 0), (4, 0.5), (2, 0.25), (3, -0.125)])
    ]
    record = recorded(tables, variables=VARIABLES[:1], fetch=3)
    np.testing.assert_allclose(record.means()["noise_scale"], record.history().noise_scale(0))
    opposed = recorded(pair(-0.5), variables=VARIABLES[:1])
    assert opposed.means()["noise_scale"] == opposed.history().noise_scale(0) == np.inf


# Memory: 40 V bytes per step, 168 V with histograms, and less than 1,000 of Python's own.


@pytest.mark.host
@pytest.mark.parametrize(("counted", "per_variable"), [(False, 40), (True, 168)])
def test_memory_is_what_the_docstring_states(counted, per_variable):
    many, limit = 100, 64
    variables = [Variable(f"net/{i}") for i in range(many)]
    table = a_table(*[{}] * many, counts=np.ones((many, BINS)) if counted else None)
    record = Record(limit)
    record.add([(0, table)], variables)
    gc.collect()
    tracemalloc.start()
    try:
        for step in range(1, limit):
            record.add([(step, table)], variables)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    own = used / (limit - 1) - per_variable * many
    assert 0 < own < 1000


def resident():
    """Return the memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Memory(keras.callbacks.Callback):
    """Notes how many blocks Python has allocated, and what the process occupies."""

    def __init__(self, *steps):
        super().__init__()
        self.steps, self.blocks, self.resident = steps, [], []

    def on_train_batch_begin(self, batch, logs=None):
        if batch in self.steps:
            gc.collect()
            self.blocks.append(sys.getallocatedblocks())
            self.resident.append(resident())


class Cheap(keras.Sequential):
    """Ten thousand of its steps take seconds, also on PyTorch."""

    def train_step(self, *arguments):
        if keras.backend.backend() != "torch":
            return super().train_step(*arguments)
        weights = self.trainable_variables
        self.optimizer.apply([keras.ops.ones_like(w) for w in weights], weights)
        return {"loss": 0.0}


@pytest.mark.short("torch")
def test_ten_thousand_steps_do_not_grow_beyond_the_stated_memory():
    at_once = 1 if keras.backend.backend() == "torch" else 10
    model = Cheap([keras.Input((1,)), layers.Dense(1, name="out")])
    model.compile(keras.optimizers.SGD(1e-4), "mse", steps_per_execution=at_once)
    # 500 steps are in the record from step 1,000 on.
    monitor, memory = GradientMonitor(2, "norms", max_steps=500), Memory(2000, 9990)
    model.fit(np.ones((10_000, 1)), np.ones((10_000, 1)), 1, 1, 0, [monitor, memory])
    history = monitor.history
    assert 250 <= len(history.steps) <= 500
    assert (history.steps[0], history.steps[-1]) == (0, 9998 if at_once == 1 else 9999)
    # A step in the record holds more than ten blocks, and 4,000 have come and gone.
    assert memory.blocks[1] - memory.blocks[0] < 8000, memory.blocks
    assert memory.resident[1] - memory.resident[0] < 2**23, memory.resident
