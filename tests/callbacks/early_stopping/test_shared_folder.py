"""Best weights on disk, in a folder that others write to as well, or damage, or move."""

import copy
import errno
import gc
import os
import pickle
import shutil
import signal
import threading

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.best_state import BEST_FILE
from keras_trainkit.callbacks._early_stopping.copies import OnDisk
from tests.callbacks.stopped import (
    BEST,
    SCORES,
    EpochCounter,
    Scores,
    assert_holds,
    fit,
    kept_in,
    small_model,
)
from tests.contracts import run_in_fresh_process, server_of_new_processes

SECOND_FILE = "best-2.npz"


def stopping(monitor="score", **arguments):
    return EarlyStopping(monitor, mode="min", **{"patience": 9, **arguments})


class Acts(keras.callbacks.Callback):
    """Calls `act` at the end of an epoch."""

    def __init__(self, epoch, act):
        super().__init__()
        self.epoch, self.act = epoch, act

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.act()


class Other(keras.callbacks.Callback):
    """Logs a score that is best in another epoch."""

    def on_epoch_end(self, epoch, logs=None):
        logs["other"] = [5.0, 4.0, 3.0, 1.0, 2.0, 2.0][epoch]


# Several


@pytest.mark.parametrize("restore", ["weights", "state"])
def test_two_callbacks_of_one_fit_keep_what_each_found_best(restore, tmp_path):
    model, scores = small_model(), Scores(SCORES)
    one = stopping(directory=tmp_path)
    two = stopping("other", directory=tmp_path, restore=restore)
    fit(model, scores, Other(), one, two)
    assert_holds(model, scores.weights[3])
    for mine, expected in zip(one.best_weights, scores.weights[BEST], strict=True):
        np.testing.assert_array_equal(mine, expected)
    # The report of the first one says what the model holds, not what it once gave it.
    assert (one.report.restored, two.report.restored) == (False, True)
    assert {BEST_FILE, SECOND_FILE} <= set(os.listdir(tmp_path))


def test_a_fit_inside_of_another_has_a_file_of_its_own(tmp_path):
    outer, inner = small_model(), small_model()
    outer_scores, inner_scores = Scores(SCORES), Scores([9.0, 8.0, 7.0, 6.0])
    mine, others = stopping(directory=tmp_path), stopping(directory=tmp_path)
    nested = Acts(4, lambda: fit(inner, inner_scores, others, epochs=4))
    fit(outer, outer_scores, mine, nested)
    assert_holds(outer, outer_scores.weights[BEST])
    assert_holds(inner, inner_scores.weights[3])


ONE_OF_TWO = """
import sys, time, pathlib
import keras, numpy as np
from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import Scores, assert_holds, fit, small_model

folder, name, other, best = pathlib.Path(sys.argv[1]), *sys.argv[2:4], int(sys.argv[4])

class Wait(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        (folder / f"{name}-{epoch}").touch()
        while not (folder / f"{other}-{epoch}").exists():
            time.sleep(1e-3)

keras.utils.set_random_seed(best)
model, scores = small_model(), Scores([1.0 if e == best else 5.0 - e / 10 for e in range(4)])
stopping = EarlyStopping("score", mode="min", patience=9, directory=folder / "best")
fit(model, scores, stopping, Wait(), epochs=4)
assert_holds(model, scores.weights[best])
print(stopping.report)
"""


@pytest.mark.short("torch")
def test_two_processes_keep_what_each_found_best(tmp_path):
    server_of_new_processes()  # Once, before two ask for it.
    printed = {}

    def run(name, other, best):
        printed[name] = run_in_fresh_process(ONE_OF_TWO, tmp_path, name, other, best)

    threads = [threading.Thread(target=run, args=one) for one in (("a", "b", 1), ("b", "a", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "in epoch 2. The model holds" in printed["a"]
    assert "in epoch 3. The model holds" in printed["b"]
    assert {BEST_FILE, SECOND_FILE} <= set(os.listdir(tmp_path / "best"))


def taken(folder, value):
    copied = OnDisk(str(folder / BEST_FILE))
    copied.take(lambda: [np.full(2, value)])
    return copied


def holds(copied, value):
    return copied.arrays is not None and np.array_equal(copied.arrays, [np.full(2, value)])


@pytest.mark.host
def test_the_first_name_is_free_again_when_its_holder_forgets_it_or_is_forgotten(tmp_path):
    first, second = taken(tmp_path, 1.0), taken(tmp_path, 2.0)
    assert holds(first, 1.0)
    assert holds(second, 2.0)
    first.forget()
    assert first.arrays is None
    third = taken(tmp_path, 3.0)
    assert holds(third, 3.0)
    del third
    gc.collect()
    assert holds(taken(tmp_path, 4.0), 4.0)
    assert {name for name in os.listdir(tmp_path) if name.endswith(".npz")} == {
        BEST_FILE,
        SECOND_FILE,
    }


@pytest.mark.host
def test_a_killed_training_is_in_nobodys_way(tmp_path):
    process = os.fork()
    if process == 0:
        kept = taken(tmp_path, 1.0)
        os.kill(os.getpid(), signal.SIGKILL)
        os._exit(kept is None)
    os.waitpid(process, 0)
    mine = taken(tmp_path, 2.0)
    assert holds(mine, 2.0)
    assert sorted(os.listdir(tmp_path)) == [BEST_FILE, f"{BEST_FILE}.lock"]


@pytest.mark.host
def test_a_fork_reads_what_was_written_and_writes_a_file_of_its_own(tmp_path):
    mine = taken(tmp_path, 1.0)
    process = os.fork()
    if process == 0:
        whole = holds(mine, 1.0)
        mine.take(lambda: [np.full(2, 2.0)])
        os._exit(0 if whole and holds(mine, 2.0) else 1)
    assert os.waitpid(process, 0)[1] == 0
    assert holds(mine, 1.0)
    assert os.path.exists(tmp_path / SECOND_FILE)


@pytest.mark.host
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_reads_what_was_written_and_writes_a_file_of_its_own(copied, tmp_path):
    mine = taken(tmp_path, 1.0)
    other = copied(mine)
    assert holds(other, 1.0)
    other.take(lambda: [np.full(2, 2.0)])
    assert holds(other, 2.0)
    assert holds(mine, 1.0)
    older = copied(mine)
    mine.take(lambda: [np.full(2, 3.0)])  # What the copy noted as its best is gone.
    with pytest.warns(UserWarning, match="lost the best weights: .* written by another training"):
        assert older.arrays is None


# Damage


def replace(path):
    archive.write(path, {"owner": "another", "arrays": [np.zeros((2, 1)), np.zeros(1)]})


def write_list(path):
    archive.write(path, [np.zeros((2, 1)), np.zeros(1)])


def truncate(path):
    os.truncate(path, 100)


@pytest.mark.parametrize("harm", [replace, write_list, truncate, os.remove])
def test_what_is_not_its_own_is_never_restored(harm, tmp_path):
    model, scores = small_model(), Scores(SCORES)
    callback = stopping(directory=tmp_path)
    act = Acts(4, lambda: harm(str(tmp_path / BEST_FILE)))
    with pytest.warns(UserWarning, match="EarlyStopping has lost the best weights|cannot read"):
        fit(model, scores, callback, act)
    assert not callback.report.restored
    assert_holds(model, scores.weights[-1])


def test_a_file_that_cannot_be_read_for_a_moment_is_left_alone(tmp_path, monkeypatch):
    def stale(path):
        raise OSError(errno.ESTALE, "Stale file handle", path)

    model, scores = small_model(), Scores(SCORES)
    callback = stopping(directory=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(archive, "read", stale)
        with pytest.warns(UserWarning, match="cannot read the best weights.*Stale file handle"):
            fit(model, scores, callback)
    assert not callback.report.restored
    assert_holds(model, scores.weights[-1])
    for mine, expected in zip(callback.best_weights, scores.weights[BEST], strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_a_folder_that_is_removed_is_made_again(tmp_path):
    model, scores = small_model(), Scores([5.0, 4.0, 3.0])
    callback = stopping(directory=tmp_path / "folder")
    fit(model, scores, callback, Acts(0, lambda: shutil.rmtree(tmp_path / "folder")), epochs=3)
    assert_holds(model, scores.weights[2])


@pytest.mark.host
def test_a_disk_that_is_full_again_is_said_again(tmp_path, monkeypatch, recwarn):
    def full(path, state):
        raise OSError(errno.ENOSPC, "No space left on device")

    mine = taken(tmp_path, 0.0)
    for value in (1.0, 2.0):
        with monkeypatch.context() as patched:
            patched.setattr(archive, "write", full)
            for _ in range(2):
                mine.take(lambda: [np.full(2, 9.0)])
                assert holds(mine, 9.0)
        mine.take(lambda value=value: [np.full(2, value)])
        assert holds(mine, value)
    texts = [str(one.message) for one in recwarn if "No space left" in str(one.message)]
    assert len(set(texts)) == 2


@pytest.mark.host
def test_where_nothing_can_be_locked_the_other_one_is_told(tmp_path, monkeypatch):
    def unlockable(self, *_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", unlockable)
    (tmp_path / f"{BEST_FILE}.lock").touch()
    with pytest.warns(UserWarning, match="cannot be locked"):
        first, second = taken(tmp_path, 1.0), taken(tmp_path, 2.0)
    assert holds(second, 2.0)
    with pytest.warns(UserWarning, match="written by another training"):
        assert first.arrays is None


# The path


def test_a_change_of_the_working_folder_changes_nothing(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.chdir(tmp_path)
    fit(small_model(), Scores([0.5]), stopping(directory=elsewhere / "best"), epochs=1)
    gc.collect()
    model, scores = small_model(), Scores(SCORES)
    callback = stopping(directory="best")
    fit(model, scores, callback, Acts(3, lambda: os.chdir(elsewhere)))
    assert callback.directory == str(tmp_path / "best")
    assert_holds(model, scores.weights[BEST])
    for mine, expected in zip(
        kept_in(tmp_path / "best" / BEST_FILE), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.host
def test_a_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert stopping(directory="~/best").directory == str(tmp_path / "best")


@pytest.mark.host
@pytest.mark.parametrize("wrong", ["", 3, b"best", True, "gs://bucket/best", "a\0b", ["best"]])
def test_what_is_no_folder_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^`directory` must be the path of a folder"):
        stopping(directory=wrong)


@pytest.mark.host
def test_no_file_is_touched_before_there_is_a_best(tmp_path):
    callback = stopping(directory=tmp_path)
    callback.set_model(EpochCounter())
    callback.on_train_begin()
    callback.on_epoch_end(0, {"score": np.nan})
    callback.on_train_end()
    assert os.listdir(tmp_path) == []
