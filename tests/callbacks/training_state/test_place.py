"""Whose folder is it: other models, other processes, and a `fit` inside of another."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import TrainingState
from tests.callbacks.training_state.crashes import (
    STEPS,
    Calls,
    Crash,
    CrashError,
    Training,
    arrays,
    assert_same,
    complaints,
    forget_fits,
    network,
)
from tests.contracts import array, run_in_fresh_process

TRAINING = Training(crash=(1, None), save_freq="epoch", epochs=3)


def fit(model, folder, *more, **arguments):
    """Train a model of one's own; return its calls."""
    calls = Calls()
    callbacks = [calls, *more, TrainingState(folder, **arguments)]
    model.fit(**arrays(), epochs=3, verbose=0, callbacks=callbacks)
    return calls


def interrupted(folder, model=None):
    """Leave a training that was interrupted in its second epoch, and return the model."""
    model = model or network()
    with pytest.raises(CrashError):
        fit(model, folder, Crash(1, None))
    return model


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.oldest
def test_another_model_of_the_process_never_goes_on_with_an_interrupted_training(tmp_path):
    """A loop over settings, of which one fails, or a study of Optuna that prunes a trial."""
    alone = network(keras.optimizers.SGD(1e-9))
    start = alone.get_weights()
    fit(alone, tmp_path / "alone")
    interrupted(tmp_path / "loop", network(keras.optimizers.SGD(0.5)))
    other = network(keras.optimizers.SGD(1e-9))
    other.set_weights(start)
    with pytest.warns(UserWarning, match="was interrupted, and was one of another model"):
        calls = fit(other, tmp_path / "loop")
    assert calls.epochs == [0, 1, 2]
    assert float(array(other.optimizer.learning_rate)) == pytest.approx(1e-9)
    assert names(tmp_path / "loop") == ["fit-000", "fit-001"]


@pytest.mark.short("torch")
def test_says_it_once_and_each_other_model_has_a_folder_of_its_own(tmp_path):
    interrupted(tmp_path)
    with pytest.warns(UserWarning, match="was interrupted"):
        interrupted(tmp_path)
    assert fit(network(), tmp_path).epochs == [0, 1, 2]
    assert names(tmp_path) == ["fit-000", "fit-001", "fit-002"]


@pytest.mark.short("torch")
def test_the_same_model_goes_on_and_then_takes_the_next_folder(tmp_path):
    first, second = interrupted(tmp_path), network()
    with pytest.warns(UserWarning, match="was interrupted"):
        assert fit(second, tmp_path).epochs == [0, 1, 2]
    assert fit(first, tmp_path).epochs == [1, 2]
    assert fit(first, tmp_path).epochs == [0, 1, 2]
    assert names(tmp_path) == ["fit-000", "fit-001", "fit-002"]


@pytest.mark.short("torch")
def test_another_model_goes_on_where_it_is_asked_to(tmp_path):
    interrupted(tmp_path)
    assert fit(network(), tmp_path, adopt=True).epochs == [1, 2]
    assert names(tmp_path) == ["fit-000"]


@pytest.mark.short("torch")
def test_a_fit_that_was_refused_does_not_count(tmp_path):
    interrupted(tmp_path)
    forget_fits()
    with pytest.raises(ValueError, match="snapshots of this model"):
        fit(network("sgd"), tmp_path)
    assert fit(network(), tmp_path).epochs == [1, 2]


@pytest.mark.short("torch")
def test_a_new_process_takes_the_trainings_in_the_order_of_the_script(tmp_path):
    def script(folder, epoch):
        results = []
        for rate in (0.5, 0.001):
            model = network(keras.optimizers.SGD(rate))
            try:
                calls = fit(model, folder, *([Crash(epoch, None)] if rate == 0.5 else []))
            except CrashError:
                continue
            results.append((calls.epochs, float(array(model.optimizer.learning_rate))))
        return results

    with complaints():
        assert script(tmp_path, 1) == [([0, 1, 2], pytest.approx(0.001))]
    forget_fits()
    with complaints() as messages:
        # It fails at the same place again, and the second setting has ended before.
        assert script(tmp_path, 1) == [([], pytest.approx(0.001))]
    assert sum("fit-001 has ended after epoch 3" in message for message in messages) == 1


class Nested(keras.callbacks.Callback):
    """Trains inside of a training, once, and keeps what it raises."""

    def __init__(self, train):
        super().__init__()
        self.train, self.error = train, None

    def on_epoch_end(self, epoch, logs=None):
        if self.error is None:
            with pytest.raises(ValueError, match="that of no other running training") as caught:
                self.train()
            self.error = str(caught.value)


@pytest.mark.short("torch")
@pytest.mark.parametrize("same_callback", [False, True])
def test_a_fit_inside_of_another_needs_a_folder_of_its_own(same_callback, tmp_path):
    through = TRAINING.run(tmp_path / "through")
    outer = TrainingState(tmp_path / "state")
    inner = outer if same_callback else TrainingState(tmp_path / "state")
    nested = Nested(lambda: other.fit(**arrays(), verbose=0, callbacks=[inner]))
    other = network()
    TRAINING.run(tmp_path, nested, outer)
    forget_fits()
    with pytest.warns(UserWarning, match="has ended"):
        assert_same(TRAINING.run(tmp_path, TrainingState(tmp_path / "state")), through)
    assert f"process {os.getpid()} on " in nested.error
    assert nested.error.endswith(f"Received: directory={str(tmp_path / 'state')!r}")


OTHER_PROCESS = """
import sys
from pathlib import Path
from tests.callbacks.training_state.test_place import fit
from tests.callbacks.training_state.crashes import network

try:
    print(fit(network(), Path(sys.argv[1])).epochs)
except ValueError as error:
    print(error)
"""


class OtherProcess(keras.callbacks.Callback):
    """Starts the same training in another process, at the end of the first epoch."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.said = run_in_fresh_process(OTHER_PROCESS, self.folder)


@pytest.mark.short("torch")
def test_a_second_process_is_refused_as_long_as_the_first_trains(tmp_path):
    other = OtherProcess(tmp_path)
    fit(network(), tmp_path, other)
    assert f"no other running training: process {os.getpid()} on " in other.said
    assert names(tmp_path) == ["fit-000"]
    assert names(tmp_path / "fit-000") == ["snapshot-00000001.npz", "snapshot-00000002.npz"]


KILLED = """
import os, sys
from pathlib import Path
from tests.callbacks.training_state.test_place import fit
from tests.callbacks.training_state.crashes import Crash, network

class Kill(Crash):
    def strike(self, batch):
        if (self.epoch, batch) == self.instant:
            os.kill(os.getpid(), 9)

fit(network(), Path(sys.argv[1]), Kill(1, None))
"""


@pytest.mark.short("torch")
def test_a_killed_process_holds_nothing(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run(command, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "training.lock" in names(tmp_path)
    assert fit(network(), tmp_path).epochs == [1, 2]
    assert names(tmp_path) == ["fit-000"]


def folds(folder, jobs):
    """Return the scores of a cross-validation whose folds share one folder."""
    from sklearn.model_selection import cross_validate

    x = np.linspace(-1, 1, 24, dtype="float32")[:, None]
    y = (x[:, 0] > 0).astype("float32")
    state = TrainingState(folder)
    regressor = keras.wrappers.SKLearnRegressor(line)
    arguments = {"callbacks": [state], "epochs": 2, "verbose": 0}
    return cross_validate(regressor, x, y, cv=2, n_jobs=jobs, params=arguments, error_score="raise")


def line(X, y):  # noqa: N803  (as the wrapper calls it)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.short
def test_the_folds_of_a_cross_validation_are_never_mixed(tmp_path):
    folds(tmp_path / "alone", 1)
    assert names(tmp_path / "alone") == ["fit-000", "fit-001"]
    with pytest.raises(ValueError, match=r"no other running training|snapshots of this script"):
        # The second process finds the first at work, or its end, which is one on other data.
        folds(tmp_path / "two", 2)


@pytest.mark.short("torch")
def test_is_one_folder_whatever_becomes_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here, home = TrainingState("run"), TrainingState("~/run")
    assert (here.directory, home.directory) == (str(tmp_path / "run"), str(tmp_path / "home/run"))
    (tmp_path / "else").mkdir()

    class Moves(keras.callbacks.Callback):
        """Changes the working directory in the middle of training."""

        def on_epoch_end(self, epoch, logs=None):
            os.chdir(tmp_path / "else")

    network().fit(**arrays(), epochs=2, verbose=0, callbacks=[Moves(), here])
    assert names(tmp_path / "run" / "fit-000") == ["snapshot-00000000.npz", "snapshot-00000001.npz"]
    assert names(tmp_path / "else") == []


@pytest.mark.short("torch")
def test_a_loop_of_ones_own_that_raised_is_in_nobodys_way(tmp_path):
    state, model = TrainingState(tmp_path), network()
    for _ in range(2):
        callbacks = keras.callbacks.CallbackList([state], model=model, epochs=1, steps=STEPS)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
    assert names(tmp_path) == ["fit-000"]
