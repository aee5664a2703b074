"""Hyperband: its plan, that it stops inside of trials, and that failures do not keep it from it."""

import math

import keras
import keras_tuner
import numpy as np
import pytest

from keras_trainkit.tuner import Hyperband, HyperMLP
from keras_trainkit.tuner._oracle.brackets import Brackets
from tests.tuner.execution.curves import falling, lengths, searched
from tests.tuner.searches import rows, statuses, tuner
from tests.tuner.test_search import MLP, Starts, iris

HOST = pytest.mark.host
PLAN = {"max_epochs": 9, "factor": 3}


def plan(max_epochs, factor):
    """Return (trials, halvings, first epochs) of each bracket."""
    brackets = Brackets(max_epochs, factor)
    found = dict.fromkeys(brackets.of(str(number)) for number in range(brackets.trials))
    return [(each.size, each.halvings, each.epochs) for each in found]


@HOST
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((9, 3), [(9, 2, 1), (5, 1, 3), (3, 0, 9)]),
        ((81, 3), [(81, 4, 1), (34, 3, 3), (15, 2, 9), (8, 1, 27), (5, 0, 81)]),
        ((100, 3), [(81, 4, 2), (34, 3, 4), (15, 2, 12), (8, 1, 34), (5, 0, 100)]),
        ((125, 5), [(125, 3, 1), (34, 2, 5), (10, 1, 25), (4, 0, 125)]),
        ((2, 3), [(1, 0, 2)]),
    ],
)
def test_brackets_are_those_of_the_paper(arguments, expected):
    assert plan(*arguments) == expected


@HOST
def test_the_next_iteration_has_brackets_of_its_own():
    brackets = Brackets(9, 3)
    assert brackets.trials == 17
    assert brackets.of("17").first == 17
    assert brackets.of("33").first == 31
    assert brackets.of("33") != brackets.of("16")


@HOST
def test_trials_are_stopped_inside_and_the_best_goes_on_to_the_end(tmp_path):
    made = searched(tmp_path, kind=Hyperband, **PLAN)
    epochs = lengths(made)
    assert len(epochs) == 17
    assert set(epochs[:9]) == {1, 3, 9}
    assert set(epochs[9:14]) == {3, 9}
    assert epochs[14:] == [9, 9, 9]
    best = made.oracle.get_best_trials()[0]
    assert best.hyperparameters["x"] == min(values["x"] for _, values, _, _ in rows(made))
    assert epochs[int(best.trial_id)] == 9
    assert statuses(made) == ["COMPLETED"] * 17
    stopped = "Stopped after epoch 1 by SuccessiveHalvingPruner: `loss` was "
    for trial, length in zip(made.oracle.trials.values(), epochs, strict=True):
        assert (trial.message or "").startswith(stopped) == (length == 1)


@HOST
def test_no_row_stands_twice(tmp_path):
    made = searched(tmp_path, kind=Hyperband, **PLAN)
    values = [trial.hyperparameters.values for trial in made.oracle.trials.values()]
    assert len({str(each) for each in values}) == 17
    assert all(set(each) == {"x"} for each in values)


def one_in_three_fails(x, epoch):
    return math.nan if x % 3 == 0 else falling(x, epoch)


@HOST
def test_failed_trials_do_not_keep_others_from_the_full_budget(tmp_path):
    made = searched(tmp_path, one_in_three_fails, Hyperband, **PLAN)
    ended = list(zip(statuses(made), lengths(made), strict=True))
    assert 0 < statuses(made).count("FAILED") < 9
    for bracket in (ended[:9], ended[9:14], ended[14:]):
        assert ("COMPLETED", 9) in bracket


@HOST
def test_a_search_in_parts_stops_the_same_trials(tmp_path):
    whole = searched(tmp_path / "whole", kind=Hyperband, **PLAN)

    def interrupted(x, epoch):
        if made_so_far() == 7 and epoch == 1:
            raise KeyboardInterrupt
        return falling(x, epoch)

    def made_so_far():
        return len(list((tmp_path / "parts" / "search").glob("trial_*"))) - 1

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "parts", interrupted, Hyperband, **PLAN)
    parts = searched(tmp_path / "parts", kind=Hyperband, **PLAN)
    assert rows(parts) == rows(whole)
    assert lengths(parts) == lengths(whole)


@HOST
def test_more_iterations_go_on_with_a_search(tmp_path):
    first = searched(tmp_path, kind=Hyperband, **PLAN)
    again = searched(tmp_path, kind=Hyperband, hyperband_iterations=2, **PLAN)
    assert rows(again)[:17] == rows(first)
    assert len(rows(again)) == 34
    assert Hyperband(again.hypermodel, "loss", hyperband_iterations=None).remaining_trials is None


@HOST
def test_another_plan_is_an_error_that_names_it(tmp_path):
    searched(tmp_path, kind=Hyperband, **PLAN)
    with pytest.raises(ValueError, match="`max_epochs` was 9 and is now 8"):
        searched(tmp_path, kind=Hyperband, max_epochs=8, factor=3)


@HOST
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "`max_epochs` must be an integer >= 1"),
        ({"factor": 1}, "`factor` must be an integer >= 2"),
        ({"hyperband_iterations": 0}, "`hyperband_iterations` must be an integer >= 1"),
        ({"pruner": "median"}, "`pruner` must be None, for Hyperband is one"),
    ],
)
def test_arguments_that_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tuner(tmp_path, "Hyperband", **options)


@HOST
def test_an_objective_that_no_epoch_has_ends_the_search(tmp_path):
    with pytest.raises(keras_tuner.errors.FatalValueError, match=r"`pruner` compares.*'val_loss'"):
        searched(
            tmp_path, kind=Hyperband, objective=keras_tuner.Objective("val_loss", "min"), **PLAN
        )


class Rates(keras.callbacks.Callback):
    """Collects the learning rate and the steps behind at each epoch's end, for all trials."""

    seen = []

    def on_train_begin(self, logs=None):
        self.seen.append([])

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        steps = int(keras.ops.convert_to_numpy(optimizer.iterations))
        self.seen[-1].append((steps, float(keras.ops.convert_to_numpy(optimizer.learning_rate))))


def test_optimizer_and_schedule_go_on_in_a_trial_that_is_not_stopped(tmp_path):
    Rates.seen.clear()
    Starts.seen.clear()
    arguments = {**MLP, "width": [4, 5, 6, 7, 8], "schedule": "exponential"}
    made = Hyperband(
        HyperMLP(**arguments),
        "val_loss",
        max_epochs=4,
        factor=2,
        seed=3,
        directory=tmp_path,
        project_name="search",
    )
    made.oracle.max_trials = 4
    made.search(**iris(), verbose=0, callbacks=[Rates(), Starts()])
    assert Starts.seen == [(4, 2, 0)] * 4
    longest = max(Rates.seen, key=len)
    assert [steps for steps, _ in longest] == [2, 4, 6, 8]
    assert (np.diff([rate for _, rate in longest]) < 0).all()
