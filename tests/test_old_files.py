"""Files that were written before one codec wrote all still give the numbers that they hold."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping, TrainingState
from keras_trainkit.diagnosis import History
from tests.contracts import assert_close
from tests.diagnosis.samples import assert_same_history
from tests.old_files import training

FILES = Path(training.__file__).parent
MINE = FILES / training.BACKEND


def assert_near(found, expected):
    """Compare numbers, and lists and dicts of them."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            assert_near(found[name], expected[name])
    elif isinstance(expected, list) and any(isinstance(item, list) for item in expected):
        for mine, theirs in zip(found, expected, strict=True):
            assert_near(mine, theirs)
    else:
        assert_close(np.float64(found), np.float64(expected))


@pytest.mark.host
def test_history_file_holds_what_was_recorded():
    later = {"facts": None, "outcomes": None}
    expected = dataclasses.replace(training.history(), **later)
    assert_same_history(History.load(FILES / "history.npz"), expected)


@pytest.mark.oldest
def test_training_goes_on_from_a_snapshot(tmp_path):
    folder = tmp_path / "state" / "fit-000"
    folder.mkdir(parents=True)
    shutil.copy(MINE / "snapshot.npz", folder / "snapshot-00000007.npz")
    found = training.train(TrainingState(tmp_path / "state"))
    assert sorted(path.name for path in folder.iterdir()) == [
        "snapshot-00000008.npz",
        "snapshot-00000009.npz",
    ]
    assert_near(found, json.loads((MINE / "snapshot.json").read_text()))


@pytest.mark.oldest
def test_early_stopping_goes_on_counting_from_a_snapshot():
    state = archive.read(str(MINE / "snapshot.npz"))["callbacks"]["EarlyStopping/0"]
    stopping = EarlyStopping(("val_loss", "val_mae"), smoothing=0.5)
    stopping.set_state(state)
    report = stopping.report
    assert (report.reason, report.message) == ("running", "Training is running.")
    assert (report.checks, report.wait, report.best_epoch, report.best_step) == (1, 0, 0, 6)
    progress = stopping.get_state()
    assert (progress["first_step"], progress["step"], progress["brief"]) == (6, 6, "")
    same = [name for name in state if name not in ("steps", "reason")]
    assert {name: progress[name] for name in same} == {name: state[name] for name in same}


# Not with the oldest Keras, which does not know all that a newer one writes into such a file.
def test_keras_file_holds_the_trained_model():
    loaded = keras.models.load_model(MINE / "model.keras")
    assert_near(training.numbers_of(loaded), json.loads((MINE / "model.json").read_text()))


@pytest.mark.oldest
def test_weights_file_holds_weights_and_optimizer():
    expected = json.loads((MINE / "model.json").read_text())
    loaded = training.model()
    loaded.optimizer.build(loaded.trainable_variables)
    loaded.load_weights(MINE / "model.weights.h5")
    found = training.numbers_of(loaded)
    assert_near(found, {**expected, "stream": found["stream"]})  # Keras keeps no seeds there.
