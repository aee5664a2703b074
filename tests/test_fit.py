"""When `fit` begins, ends and fails, and with whom: the wrappers around three methods of Keras."""

import contextlib
import copy
import importlib
import inspect

import keras
import numpy as np
import pytest

from keras_trainkit import _fit
from keras_trainkit._fit import calling_list, running_fit, when_fit_fails
from keras_trainkit.optimizers import NAG
from tests import contracts

pytestmark = pytest.mark.oldest

X = np.ones((8, 3), "float32")
Y = X[:, :1]
WRAPPED = [(keras.Model, "fit"), (keras.Model, "make_train_function")]
WRAPPED += [(keras.callbacks.CallbackList, "on_train_begin")]


def compiled(optimizer="sgd", model=keras.Sequential):
    keras.utils.set_random_seed(3)
    built = model([keras.Input((3,)), keras.layers.Dense(1)])
    built.compile(optimizer, "mse")
    return built


def run(model, *callbacks, **arguments):
    return model.fit(X, Y, batch_size=4, verbose=0, callbacks=[*callbacks], **arguments)


def at(moment, action):
    """Return a callback that calls `action` at a moment such as "on_train_begin"."""
    callback = keras.callbacks.Callback()
    setattr(callback, moment, lambda *arguments, logs=None: action())
    return callback


@pytest.mark.parametrize(
    ("owner", "name"), WRAPPED, ids=lambda part: getattr(part, "__name__", part)
)
def test_wrapped_methods_look_as_they_did_and_are_wrapped_once(owner, name):
    wrapped = getattr(owner, name)
    original = wrapped.__wrapped__
    assert inspect.signature(wrapped) == inspect.signature(original)
    assert wrapped.__doc__ == original.__doc__
    importlib.reload(_fit)
    assert getattr(owner, name) is wrapped


def test_a_running_fit_is_known_with_its_arguments_while_it_runs():
    model, other, seen = compiled(), compiled(), []
    note = at("on_train_begin", lambda: seen.append((running_fit(model), running_fit(other))))
    run(model, note, epochs=2)
    (fit, of_other), after = seen[0], running_fit(model)
    assert fit.model is model
    assert fit.arguments["epochs"] == 2
    assert fit.arguments["x"] is X  # given by position
    assert (of_other, after) == (None, None)


def test_an_inner_fit_hides_the_outer_one_until_its_end():
    outer, inner, seen = compiled(), compiled(), []
    note = at("on_train_begin", lambda: seen.append((running_fit(inner), running_fit(outer))))
    run(outer, at("on_epoch_end", lambda: run(inner, note)), note)
    (no_inner, of_outer), (of_inner, no_outer) = seen
    assert (no_inner, no_outer) == (None, None)
    assert (of_outer.model, of_inner.model) == (outer, inner)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
@pytest.mark.parametrize("moment", ["on_train_begin", "on_train_batch_end", "on_train_end"])
def test_a_failing_fit_does_what_was_asked_for_the_latest_first(error, moment):
    model, done = compiled(), []

    def ask():
        when_fit_fails(model, lambda: done.append("first"))
        when_fit_fails(model, lambda: done.append("second"))

    def fail():
        raise error

    with pytest.raises(error):
        run(model, at("on_train_begin", ask), at(moment, fail))
    assert done == ["second", "first"]
    assert running_fit(model) is None


@pytest.mark.parametrize("presses", [1, 2])
def test_a_failing_fit_does_it_although_ctrl_c_comes_again_before_it_is_held_back(
    presses, monkeypatch
):
    model, done, left = compiled(), [], [KeyboardInterrupt] * presses
    held_back = _fit.uninterrupted

    def pressed():
        if left:
            raise left.pop()
        return held_back()

    def fail():
        when_fit_fails(model, lambda: done.append("done"))
        raise ValueError

    monkeypatch.setattr(_fit, "uninterrupted", pressed)
    with pytest.raises(KeyboardInterrupt):
        run(model, at("on_train_begin", fail))
    assert done == ["done"]


def test_a_failing_fit_does_all_that_was_asked_for_although_a_part_fails():
    model, done = compiled(), []

    def fail():
        when_fit_fails(model, lambda: done.append("last"))
        when_fit_fails(model, [].pop)
        when_fit_fails(model, lambda: done.append("first"))
        raise ValueError

    with pytest.raises(IndexError):
        run(model, at("on_train_begin", fail))
    assert done == ["first", "last"]


@pytest.mark.parametrize("error", [None, ValueError])
def test_a_fit_is_over_when_it_has_ended_or_failed(error):
    model, seen = compiled(), []

    def note():
        seen.append((running_fit(model), running_fit(model).is_over))
        if error:
            raise error

    with pytest.raises(error) if error else contextlib.nullcontext():
        run(model, at("on_train_end", note))
    ((fit, was_over),) = seen
    assert (was_over, fit.is_over) == (False, True)


@pytest.mark.backend("jax")
def test_what_a_second_interruption_leaves_of_the_state_goes_into_no_later_fit(monkeypatch):
    model = compiled()

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(model.optimizer, "finalize_variable_values", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(model, at("on_train_batch_end", interrupt))
    assert model._jax_state is None
    assert np.isfinite(model.get_weights()[0]).all()


def test_a_fit_that_ends_by_itself_does_nothing_of_it():
    model, done = compiled(), []
    run(model, at("on_train_begin", lambda: when_fit_fails(model, lambda: done.append(1))))
    when_fit_fails(model, lambda: done.append(2))  # No `fit` is running.
    assert done == []


def test_the_list_that_calls_is_known_only_while_it_calls():
    model, seen = compiled(), []
    lists = keras.callbacks.CallbackList(
        [at("on_train_begin", lambda: seen.append(calling_list()))], model=model
    )
    lists.on_train_begin()
    run(model, at("on_train_begin", lambda: seen.append(calling_list())))
    run(model, at("on_epoch_begin", lambda: seen.append(calling_list())))
    assert seen[0] is lists
    assert isinstance(seen[1], keras.callbacks.CallbackList)
    assert model.history in seen[1].callbacks or seen[1] is not lists
    assert seen[2] is None


class Foreign(keras.optimizers.SGD):
    """An optimizer of somebody else's that means something else by `resume`."""

    def resume(self, checkpoint):
        raise AssertionError


def test_optimizers_of_others_are_left_alone():
    run(compiled(Foreign(0.1)))


def test_a_loop_of_ones_own_that_makes_the_train_function_resumes():
    model = compiled(NAG(0.1))
    run(model)
    model.make_train_function()
    assert not model.optimizer.holds_iterate


class Refusing(keras.Sequential):
    """Has a train function of its own kind."""

    def make_train_function(self, force=False):
        self.made = True
        return super().make_train_function(force)


@pytest.mark.parametrize("model", [keras.Sequential, Refusing])
def test_optimizers_resume_when_training_begins_and_not_when_it_is_refused(model):
    model = compiled(NAG(0.1), model)
    run(model)
    iterate = model.get_weights()
    assert model.optimizer.holds_iterate
    with pytest.raises(Exception):  # noqa: B017, PT011  (whatever Keras says of such data)
        model.fit(X, Y[:3], verbose=0)
    assert model.optimizer.holds_iterate
    for mine, before in zip(model.get_weights(), iterate, strict=True):
        np.testing.assert_array_equal(mine, before)
    seen = []
    run(model, at("on_train_begin", lambda: seen.append(model.optimizer.holds_iterate)))
    assert seen == [False]
    assert "make_train_function" not in vars(model)


def test_a_model_copied_in_its_training_is_as_its_class_makes_it():
    model, copies = compiled(NAG(0.1)), []
    run(model, at("on_epoch_end", lambda: copies.append(copy.deepcopy(model))))
    assert "make_train_function" not in vars(copies[0])
    model.optimizer.learning_rate = 0.05
    model.train_on_batch(X, Y)
    assert not model.optimizer.holds_iterate


FIRST_FIT = """
import pickle, sys
import keras, numpy as np
from keras_trainkit.callbacks import EarlyStopping, LearningRate, TrainingState
from keras_trainkit.schedules import CosineDecay

x = np.ones((8, 3), "float32"); y = x[:, :1]

def model():
    m = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    m.compile("sgd", "mse")
    return m

class Scores(keras.callbacks.Callback):
    held = []
    def on_epoch_end(self, epoch, logs):
        if epoch == 3:
            raise KeyboardInterrupt
        logs["s"] = [5, 1, 3][epoch]
        self.held.append(self.model.get_weights())

kind = sys.argv[1]
m = model()
if kind == "stopping":
    try:
        m.fit(x, y, epochs=5, verbose=0,
              callbacks=[Scores(), EarlyStopping("s", mode="min", patience=9)])
    except KeyboardInterrupt:
        pass
    same = [np.array_equal(a, b) for a, b in zip(m.get_weights(), Scores.held[1])]
    assert all(same), "the weights of epoch 2 are not back"
elif kind == "unpickled stopping":
    callback = pickle.loads(pickle.dumps(EarlyStopping("s", mode="min", patience=9)))
    try:
        m.fit(x, y, epochs=5, verbose=0, callbacks=[Scores(), callback])
    except KeyboardInterrupt:
        pass
    same = [np.array_equal(a, b) for a, b in zip(m.get_weights(), Scores.held[1])]
    assert all(same), "the weights of epoch 2 are not back"
elif kind == "unpickled":
    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt
    callback = pickle.loads(pickle.dumps(LearningRate(CosineDecay(0.1, 10))))
    try:
        m.fit(x, y, verbose=0, callbacks=[callback, Failing()])
    except KeyboardInterrupt:
        pass
    assert "assign" not in vars(m.optimizer.learning_rate), "the rate is still watched"
elif kind == "every":
    m.fit(x, y, validation_data=(x, y), epochs=2, batch_size=2, verbose=0,
          callbacks=[EarlyStopping(every=2)])
print("as in every later fit")
"""


@pytest.mark.parametrize("kind", ["stopping", "every", "unpickled", "unpickled stopping"])
def test_the_first_fit_of_a_process_is_as_every_other(kind):
    printed = contracts.run_in_fresh_process(FIRST_FIT, kind)
    assert printed.splitlines()[-1] == "as in every later fit"
