"""Where early stopping keeps the best weights, and what that costs; what it says at the end."""

import math
import os
import pickle
import tracemalloc

import keras
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.callbacks import EarlyStopping
from keras_trainkit.callbacks._early_stopping.best_state import BEST_FILE, BestState
from keras_trainkit.callbacks._lock import LOCK
from tests.callbacks.stopped import (
    BEST,
    SCORES,
    Failing,
    Scores,
    assert_holds,
    fit,
    kept_in,
    run,
    simulate,
    small_model,
)

pytestmark = pytest.mark.oldest

# A file in the place of a folder refuses everybody, root too.
BLOCKED = "blocked"


def stopping(**arguments):
    return EarlyStopping("score", mode="min", **{"patience": 2, **arguments})


# On disk


class Files(keras.callbacks.Callback):
    """Keeps what the folder holds at every epoch's end."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.names, self.read = folder, [], []

    def on_epoch_end(self, epoch, logs=None):
        self.names.append(os.listdir(self.folder))
        self.read.append(kept_in(self.folder / BEST_FILE))


def test_keeps_the_best_weights_in_one_file_that_it_replaces(tmp_path):
    folder = tmp_path / "made" / "here"
    model, scores, files = small_model(), Scores(SCORES), Files(folder)
    callback = stopping(directory=folder)
    fit(model, scores, callback, files)
    assert [sorted(names) for names in files.names] == [[BEST_FILE, f"{BEST_FILE}{LOCK}"]] * 4
    for read, epoch in zip(files.read, (0, 1, 1, 1), strict=True):
        for mine, expected in zip(read, scores.weights[epoch], strict=True):
            np.testing.assert_array_equal(mine, expected)
    assert_holds(model, scores.weights[BEST])
    assert_holds(model, callback.best_weights)


def test_reads_no_file_of_an_earlier_fit(tmp_path):
    fit(small_model(), Scores(SCORES), stopping(directory=str(tmp_path)))
    model, scores = small_model(), Scores([math.nan] * 6)
    callback = stopping(directory=str(tmp_path))
    fit(model, scores, callback)
    assert callback.best_weights is None
    assert_holds(model, scores.weights[-1])


@pytest.mark.parametrize("restore", ["weights", "state"])
def test_keeps_types_that_numpy_has_not(tmp_path, restore):
    keras.config.set_dtype_policy("bfloat16")
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, stopping(directory=tmp_path, restore=restore))
    assert_holds(model, scores.weights[BEST])


def test_warns_once_and_uses_memory_where_the_folder_cannot_be_written(tmp_path):
    (tmp_path / BLOCKED).write_text("")
    model, scores = small_model(), Scores([5.0, 4.0, 3.0, 4.0, 4.0])
    callback = stopping(directory=tmp_path / BLOCKED)
    with pytest.warns(UserWarning, match="The best weights are kept in memory") as warned:
        fit(model, scores, callback, epochs=5)
    mine = [str(w.message) for w in warned if "EarlyStopping" in str(w.message)]
    assert len(mine) == 1
    assert str(tmp_path / BLOCKED / BEST_FILE) in mine[0]
    assert callback.best_epoch == 2
    assert_holds(model, scores.weights[2])


def test_uses_memory_where_the_disk_is_full_after_the_first_file(tmp_path, monkeypatch):
    written = []

    def full(path, state):
        if written:
            raise OSError(28, "No space left on device")
        written.append(state)

    monkeypatch.setattr(archive, "write", full)
    model, scores = small_model(), Scores(SCORES)
    with pytest.warns(UserWarning, match="No space left on device. The best weights are kept"):
        fit(model, scores, stopping(directory=tmp_path))
    assert_holds(model, scores.weights[BEST])


def test_goes_back_to_the_file_where_the_disk_has_room_again(tmp_path, monkeypatch):
    def full(path, state):
        raise OSError(28, "No space left on device")

    kept = BestState(False, tmp_path)._copy
    with monkeypatch.context() as patched:
        patched.setattr(archive, "write", full)
        with pytest.warns(UserWarning, match="kept in memory"):
            kept.take(lambda: [np.zeros(2)])
    np.testing.assert_array_equal(kept.arrays, [np.zeros(2)])
    kept.take(lambda: [np.ones(2)])
    np.testing.assert_array_equal(kept.arrays, [np.ones(2)])


# In memory


def wide_model():
    layers = [keras.layers.Dense(256, use_bias=False) for _ in range(4)]
    model = keras.Sequential([keras.Input((256,)), *layers])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("restore", ["weights", "state"])
def test_holds_one_copy_that_it_renews_in_place(restore):
    callback = stopping(restore=restore)
    callback.set_model(wide_model())
    callback.on_train_begin()
    callback.on_epoch_end(0, {"score": 2.0})
    buffers = callback._kept.arrays
    before = [(id(buffer), buffer.ctypes.data) for buffer in buffers]
    callback.model.set_weights([weight + 1 for weight in callback.model.get_weights()])
    tracemalloc.start()
    try:
        callback.on_epoch_end(1, {"score": 1.0})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    after = [(id(buffer), buffer.ctypes.data) for buffer in callback._kept.arrays]
    assert after == before
    # On TensorFlow and PyTorch Keras itself copies a variable twice.
    copies = 1.2 if keras.backend.backend() == "jax" else 2.2
    assert peak < copies * max(buffer.nbytes for buffer in buffers)
    if restore == "weights":
        assert_holds(callback.model, callback.best_weights)


def test_the_copy_does_not_share_memory_with_the_model():
    model, scores = small_model(), Scores([1.0, 2.0, 2.0])
    callback = stopping(patience=9)
    fit(model, scores, callback, epochs=3)
    kept = [np.array(weight) for weight in callback.best_weights]
    fit(model, epochs=1)
    for mine, expected in zip(callback.best_weights, kept, strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_can_be_pickled_after_a_fit_beside_callbacks_that_cannot():
    unpicklable = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None)
    callback = stopping()
    fit(small_model(), unpicklable, Scores(SCORES), callback)
    assert pickle.loads(pickle.dumps(callback)).report == callback.report
    failed = stopping(patience=9)
    with pytest.raises(RuntimeError, match="now"):
        fit(
            small_model(),
            Scores(SCORES),
            failed,
            unpicklable,
            Failing("on_epoch_end", RuntimeError("now")),
        )
    assert pickle.loads(pickle.dumps(failed)).report == failed.report


# What it says


BEST_OF = "Best: score {} in epoch {}."
HELD = "The model holds the weights of that moment."


@pytest.mark.host
@pytest.mark.parametrize(
    ("values", "arguments", "text"),
    [
        (
            SCORES,
            {},
            f"Stopped in epoch 4 (score): 2 checks without a gain. {BEST_OF.format(3, 2)} {HELD}",
        ),
        (
            SCORES,
            {"restore_best_weights": False},
            f"Stopped in epoch 4 (score): 2 checks without a gain. {BEST_OF.format(3, 2)}",
        ),
        ([2.0, 1.0], {}, f"Training ran to its end. {BEST_OF.format(1, 2)} {HELD}"),
        (
            [2.0, 1.0 / 3],
            {"target": 0.5},
            "Stopped in epoch 2 (score): 0.333333 reaches the target 0.5. "
            f"{BEST_OF.format(0.333333, 2)} {HELD}",
        ),
        (
            [2.0, 30.0],
            {"divergence": 20},
            f"Stopped in epoch 2 (score): 30 is worse than 20. {BEST_OF.format(2, 1)} {HELD}",
        ),
        (
            [math.inf],
            {"stop_on_nonfinite": True},
            "Stopped in epoch 1 (score): a value is inf. "
            "No value was finite, so there is no best epoch.",
        ),
    ],
)
def test_reports_why_training_ended_and_what_was_best(values, arguments, text):
    callback = stopping(**arguments)
    assert str(callback.report) == (
        "No training has begun. No value was compared, so there is no best epoch."
    )
    simulate(values, callback)
    assert str(callback.report) == text
    assert repr(callback.report) == f"<StoppingReport: {text}>"


@pytest.mark.host
def test_reports_a_gap_in_the_metrics_unit():
    callback = EarlyStopping("val_score", mode="max", max_gap=0.25)
    run([{"score": 0.5, "val_score": 0.5}, {"score": 1.0, "val_score": 0.625}], callback)
    assert str(callback.report) == (
        "Stopped in epoch 2 (val_score): 0.375 worse than in training, of at most 0.25. "
        f"Best: val_score 0.625 in epoch 2. {HELD}"
    )


def test_reports_an_interruption():
    callback = stopping(patience=9)
    with pytest.raises(KeyboardInterrupt):
        fit(
            small_model(),
            Scores(SCORES),
            callback,
            Failing("on_train_batch_end", KeyboardInterrupt()),
        )
    assert str(callback.report) == (
        f"Training was interrupted in epoch 4 by KeyboardInterrupt. {BEST_OF.format(3, 2)} {HELD}"
    )
