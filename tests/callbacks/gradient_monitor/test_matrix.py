"""Every configuration: the training is the plain one's, the record a witness's, the model clean."""

import copy
import functools
import json
from pathlib import Path

import keras
import keras_tuner
import pytest

from keras_trainkit.callbacks import GradientMonitor
from tests.callbacks.gradient_monitor.configurations import REPLICATED, ROWS, SHORT
from tests.callbacks.monitored import assert_same_training
from tests.callbacks.untouched import (
    EVERYTHING,
    assert_record,
    assert_same_footprint,
    assert_untouched_and_true,
)
from tests.callbacks.witness import Witness
from tests.contracts import run_in_fresh_process
from tests.selection import full_on_torch


@pytest.fixture
def uncompiled(monkeypatch):
    """Let `torch.compile` trace without a compiler."""
    if keras.backend.backend() == "torch":
        import torch

        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))


@pytest.mark.oldest
@pytest.mark.usefixtures("uncompiled")
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.filterwarnings("ignore:The following gradients are None")
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize(
    "row",
    full_on_torch(
        [
            pytest.param(row, id=name, marks=pytest.mark.backend(*row.backends))
            for name, row in ROWS.items()
        ],
        keep=SHORT,
    ),
)
def test_training_is_untouched_and_the_record_true(row):
    assert_untouched_and_true(row)


@pytest.mark.backend("tensorflow", "jax")
def test_two_replicas():
    """By `MirroredStrategy` on TensorFlow, by `DataParallel` on JAX, in a process of their own."""
    script = (Path(__file__).parents[1] / "replicas.py").read_text()
    found = json.loads(run_in_fresh_process(script).splitlines()[-1])
    assert found.keys() == REPLICATED.keys()
    for name, outcome in found.items():
        assert outcome == "passed", f"{name}: {outcome}"


class Kept(GradientMonitor):
    """Keeps the records of the copies that a tuner makes."""

    records = []

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self.records.append((self.model, self.history))


class KeptWitness(Witness):
    """Keeps what its copies saw."""

    records = []

    def on_train_end(self, logs=None):
        self.records.append((self.model, copy.copy(self)))


def searched(folder, callback):
    """Return the scores of a search with two trials."""
    row = ROWS["plain"]

    def build(hp):
        model = row.model()
        model.compile(keras.optimizers.SGD(hp.Choice("learning_rate", [0.1, 0.2])), model.loss)
        return model

    project = type(callback).__name__
    tuner = keras_tuner.GridSearch(build, "loss", directory=folder, project_name=project)
    callback.records.clear()
    arguments = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    tuner.search(*row.data(), callbacks=[callback], **arguments)
    return [trial.score for trial in tuner.oracle.get_best_trials(2)]


@pytest.mark.short("torch")
def test_copies_in_a_search_of_keras_tuner(tmp_path):
    assert searched(tmp_path, Kept(1, EVERYTHING)) == searched(tmp_path, KeptWitness())
    assert len(Kept.records) == len(KeptWitness.records) == 2
    for (model, history), (plain, witness) in zip(Kept.records, KeptWitness.records, strict=True):
        assert_same_training(model, {}, plain, {})
        assert_same_footprint(model, plain)
        assert_record(history, witness, plain, ROWS["plain"])
