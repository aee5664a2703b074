"""A state that does not fit is refused as a whole, by one sentence."""

import copy
import inspect

import keras
import numpy as np
import pytest

from keras_trainkit.callbacks import EarlyStopping
from tests.callbacks.stopped import (
    BEST,
    SCORES,
    EpochCounter,
    Scores,
    assert_holds,
    fit,
    small_model,
)

UNFIT = r"^`state` must be one that `get_state\(\)` of an EarlyStopping with the same arguments"


def stopping(monitor="score", **arguments):
    return EarlyStopping(monitor, mode="min", **{"patience": 9, **arguments})


def state_of(values=(5.0, 3.0, 4.0), **arguments):
    callback = stopping(**arguments)
    callback.set_model(EpochCounter())
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"score": value})
    return callback.get_state()


def assert_refused(callback, state, match=UNFIT):
    before = copy.deepcopy(callback.get_state())
    with pytest.raises(ValueError, match=match):
        callback.set_state(state)
    np.testing.assert_equal(callback.get_state(), before)


WRONG = {
    "wait": [-1, None, np.nan, 1.5, "1", True, [1]],
    "checks": [-1, None],
    "best_epoch": [-5, None, np.nan],
    "best_step": [None, -1],
    "stopped_epoch": [np.nan, "0"],
    "best": [np.nan, np.inf, "3", None, True],
    "references": [None, (), (1.0, 2.0), (np.nan,), 3.0, ("3",)],
    "sums": [None, [1.0, 2.0], [np.nan], 0.0],
    "best_logs": [None, {}, {"score": np.nan}, {"score": "3"}, {"acc": 3.0}, ["score"]],
    "reason": [None, 1, "e"],
    "brief": [None],
    "restore": ["state", None],
    "kept": [
        None,
        {},
        [],
        {"arrays": None},
        {"arrays": 3, "at_average": False},
        {"arrays": [np.zeros(1)], "at_average": None},
    ],
}


@pytest.mark.host
@pytest.mark.parametrize("name", WRONG)
def test_refuses_a_wrong_value(name):
    for value in WRONG[name]:
        callback = stopping(patience=3)
        callback.set_state(state_of())
        assert_refused(callback, {**state_of((9.0, 8.0)), name: value})


@pytest.mark.host
@pytest.mark.parametrize("name", [*state_of(), "steps"])
def test_refuses_a_state_without_a_part(name):
    state = state_of()
    if name == "steps":
        assert_refused(stopping(), {**state, "steps": [1], "reason": ["end", "", ""]})
        assert_refused(stopping(), {**state, "steps": [1, 2], "reason": "end"})
    elif name not in ("restore", "begun", "bests"):  # Older ones have none.
        del state[name]
        assert_refused(stopping(), state)


@pytest.mark.host
@pytest.mark.parametrize("state", [None, [], "state", 3])
def test_refuses_what_is_no_state(state):
    assert_refused(stopping(), state)


@pytest.mark.host
def test_refuses_the_state_of_keras_and_of_other_metrics():
    kerass = {"wait": 1, "best": 3.0, "best_epoch": 1, "best_weights": None, "stopped_epoch": 0}
    assert_refused(stopping(), kerass, f"{UNFIT} returned. Received: one without 'checks'")
    assert_refused(stopping("acc"), state_of(), r"monitor=\('score',\), not \('acc',\)$")
    assert_refused(stopping(("score", "loss")), state_of())


@pytest.mark.host
def test_a_state_without_a_best_value_is_one():
    callback = stopping()
    callback.set_state(state_of((np.nan, np.nan)))
    assert (callback.wait, callback.best) == (2, None)


def trained(**arguments):
    model, callback = small_model(), stopping(**arguments)
    fit(model, Scores(SCORES), callback, epochs=3)
    return callback


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("one", "other"), [("weights", "state"), ("state", "weights")])
def test_refuses_weights_for_a_state_and_a_state_for_weights(one, other, told):
    state = trained(restore=one).get_state()
    if not told:
        del state["restore"]
    callback = trained(restore=other)
    assert_refused(callback, state)
    fit(callback.model, Scores(SCORES), callback)
    assert callback.report.restored


def test_takes_a_whole_state_before_the_optimizer_is_built():
    state = trained(restore="state").get_state()
    model = small_model()
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    callback = stopping(restore="state")
    callback.set_model(model)
    callback.set_state(state)
    assert callback.best == SCORES[BEST]


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_refuses_the_weights_of_another_model(shape, tmp_path):
    callback = trained(directory=tmp_path)
    before = [np.array(weight) for weight in callback.best_weights]
    state = trained().get_state()
    other = [np.zeros(shape, "float32"), *state["kept"]["arrays"][1:]]
    for arrays in (other, other[1:], [*state["kept"]["arrays"], np.zeros(1)]):
        with pytest.raises(ValueError, match=UNFIT):
            callback.set_state({**state, "kept": {"arrays": arrays, "at_average": False}})
    for mine, expected in zip(callback.best_weights, before, strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("restore", ["weights", "state"])
def test_a_model_that_changed_meanwhile_is_left_as_it_is(restore):
    model, scores = small_model(), Scores(SCORES)
    callback = stopping(restore=restore)

    class Grows(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            model.add(keras.layers.Dense(1))

    with pytest.raises(ValueError, match=r"^The best (weights|state) must be \d+ arrays"):
        fit(model, scores, Grows(), callback)
    assert not callback.report.restored
    assert_holds(keras.Sequential(model.layers[:-1]), scores.weights[-1])


def test_a_state_without_weights_leaves_none_of_before():
    callback = trained()
    state = trained(restore_best_weights=False).get_state()
    callback.set_state(state)
    assert callback.best_weights is None


# Every argument is an attribute, by which states find their callbacks.


@pytest.mark.host
def test_every_argument_is_an_attribute_of_its_name(tmp_path):
    arguments = {
        "monitor": ("val_loss", "val_mae"),
        "min_delta": "1%",
        "patience": 3,
        "verbose": 1,
        "mode": ("min", "auto"),
        "baseline": 2.0,
        "restore_best_weights": False,
        "start_from_epoch": 1,
        "restore": "state",
        "smoothing": 0.5,
        "target": 0.25,
        "divergence": 9.0,
        "max_gap": 0.5,
        "stop_on_nonfinite": True,
        "every": 2,
        "directory": str(tmp_path),
        "reset_on_fit": False,
        "improvement": "any",
    }
    assert [*arguments] == [*inspect.signature(EarlyStopping).parameters]
    found = vars(EarlyStopping(**arguments))
    assert {name: found[name] for name in arguments} == arguments


# A second model, or a second `fit` at once


def test_the_best_of_one_model_never_goes_to_another():
    callback = stopping(reset_on_fit=False)
    fit(small_model(), Scores(SCORES), callback)
    model, scores = small_model(), Scores([9.0, 8.0, 7.0])
    with pytest.warns(UserWarning, match="begins anew: .* are those of another model"):
        fit(model, scores, callback, epochs=3)
    assert (callback.best, callback.best_epoch) == (7.0, 2)
    assert_holds(model, scores.weights[2])


def test_a_state_is_that_of_the_model_that_it_is_given_for():
    callback, other = stopping(reset_on_fit=False), stopping(reset_on_fit=False)
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, callback)
    other.set_model(model)
    other.set_state(callback.get_state())
    fit(model, Scores([9.0]), other, epochs=1)
    assert other.best == SCORES[BEST]
    assert_holds(model, scores.weights[BEST])


class Nested(keras.callbacks.Callback):
    """Runs another `fit` in the third epoch."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            with pytest.raises(RuntimeError, match="serves one `fit` at a time"):
                self.run()


def test_serves_one_fit_at_a_time():
    model, inner, scores = small_model(), small_model(), Scores(SCORES)
    callback = stopping()
    fit(model, scores, callback, Nested(lambda: fit(inner, Scores(SCORES), callback)))
    assert callback.model is model
    assert_holds(model, scores.weights[BEST])
    fit(inner, again := Scores(SCORES), callback)
    assert_holds(inner, again.weights[BEST])


def test_serves_the_next_fit_after_one_that_failed():
    callback = stopping()
    with pytest.raises(IndexError):
        fit(small_model(), Scores(SCORES[:2]), callback)
    model, scores = small_model(), Scores(SCORES)
    fit(model, scores, callback)
    assert_holds(model, scores.weights[BEST])
