"""Copies of early stopping, also from within a `fit`: usable, and nothing to the original."""

import copy
import itertools
import pickle

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import BEST, SCORES, Scores, assert_holds, fit, small_model
from tests.selection import full_on_torch

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda one: pickle.loads(pickle.dumps(one))}
copied = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


def stopping(**arguments):
    return EarlyStopping("score", mode="min", **{"patience": 9, **arguments})


class Copies(keras.callbacks.Callback):
    """Copies a callback in each of its moments of the third epoch."""

    def __init__(self, callback, copied):
        super().__init__()
        self.callback, self.copied = callback, copied
        self.made = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            self.copy()

    def on_train_batch_end(self, batch, logs=None):
        if len(self.made) == 1:
            self.copy()

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            self.copy()

    def copy(self):
        self.made.append(self.copied(self.callback))


WAYS = list(itertools.product(COPIES, ("in memory", "on disk"), ("weights", "state")))
EACH_ONCE = [("deepcopy", "in memory", "weights"), ("pickle", "on disk", "state")]


@pytest.mark.parametrize(("how", "stored", "restore"), full_on_torch(WAYS, keep=EACH_ONCE))
def test_copies_made_in_a_fit_serve_others_and_leave_the_original_alone(
    how, stored, restore, tmp_path
):
    directory = tmp_path if stored == "on disk" else None
    unpicklable = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None)
    callback = stopping(restore=restore, directory=directory)
    model, scores = small_model(), Scores(SCORES)
    copies = Copies(callback, COPIES[how])
    fit(model, unpicklable, scores, callback, copies)
    assert_holds(model, scores.weights[BEST])
    assert callback.report.restored
    assert len(copies.made) == 3
    for one in copies.made:
        assert one.model is None
        assert (one.best, one.best_epoch) == (SCORES[BEST], BEST)
        if restore == "weights":
            for mine, expected in zip(one.best_weights, scores.weights[BEST], strict=True):
                np.testing.assert_array_equal(mine, expected)
        other, others = small_model(), Scores([9.0, 1.0, 2.0])
        fit(other, others, one, epochs=3)
        assert one.best == 1.0
        assert_holds(other, others.weights[1])
    if restore == "weights":
        for mine, expected in zip(callback.best_weights, scores.weights[BEST], strict=True):
            np.testing.assert_array_equal(mine, expected)


@copied
def test_a_copy_that_goes_on_begins_anew_with_a_model_that_it_does_not_know(copied):
    callback = stopping(reset_on_fit=False)
    fit(small_model(), Scores(SCORES), callback)
    one = copied(callback)
    assert one.report == callback.report
    model, scores = small_model(), Scores([9.0, 8.0])
    with pytest.warns(UserWarning, match="begins anew"):
        fit(model, scores, one, epochs=2)
    assert_holds(model, scores.weights[1])


@copied
def test_a_copy_serves_another_fit_within_that_of_the_original(copied):
    callback = stopping()
    model, scores = small_model(), Scores(SCORES)
    other, others = small_model(), Scores([3.0, 1.0, 2.0])

    class Nested(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                fit(other, others, copied(callback), epochs=3)

    fit(model, scores, callback, Nested())
    assert_holds(other, others.weights[1])
    assert_holds(model, scores.weights[BEST])
