"""The best trials trained again: other seeds, nothing changed, and no luck left in their scores."""

import math
import random

import keras_tuner
import numpy as np
import pytest

from keras_trainkit.tuner import HyperMLP, RandomSearch
from tests.contracts import array
from tests.tuner import searches
from tests.tuner.execution.curves import EPOCHS, searched
from tests.tuner.test_search import MLP, iris

HOST = pytest.mark.host


def luck(number, values):
    return random.random()


def of_luck(folder, trials=40, action=luck):
    names = keras_tuner.HyperParameters()
    names.Int("x", 0, 999)
    return searches.searched(folder, action=action, space=names, max_trials=trials)


@HOST
def test_scores_that_were_not_chosen_have_no_luck_in_them(tmp_path):
    made = of_luck(tmp_path)
    assert made.oracle.get_best_trials()[0].score < 0.1
    means = [each.mean for each in made.repeat_best(num_trials=5, repeats=40)]
    # One standard deviation of a mean is .046.
    assert means == sorted(means)
    assert all(abs(mean - 0.5) < 0.15 for mean in means)


@HOST
def test_two_calls_return_the_same_and_change_nothing(tmp_path):
    made = of_luck(tmp_path)
    rows, files = searches.rows(made), searches.on_disk(tmp_path)
    random.seed(5)
    first = made.repeat_best(num_trials=2, repeats=3)
    assert random.random() == random.Random(5).random()
    assert [each.scores for each in made.repeat_best(num_trials=2, repeats=3)] == [
        each.scores for each in first
    ]
    assert len({score for each in first for score in each.scores}) == 6
    assert (searches.rows(made), searches.on_disk(tmp_path)) == (rows, files)


@HOST
def test_statistics_are_those_of_the_scores(tmp_path):
    made = of_luck(tmp_path)
    (best,) = made.repeat_best(num_trials=1, repeats=4)
    assert best.trial is made.oracle.get_best_trials()[0]
    assert best.hyperparameters.values == best.trial.hyperparameters.values
    assert best.mean == pytest.approx(np.mean(best.scores))
    assert best.std == pytest.approx(np.std(best.scores, ddof=1))
    assert repr(best).startswith(f"Repeated(trial {best.trial.trial_id}: {best.mean:.4g} +- ")
    assert math.isnan(made.repeat_best(num_trials=1, repeats=1)[0].std)


@HOST
def test_the_order_follows_the_objective(tmp_path):
    made = searched(
        tmp_path,
        lambda x, epoch: x,
        objective=keras_tuner.Objective("loss", "max"),
        max_trials=6,
    )
    means = [each.mean for each in made.repeat_best(num_trials=6, repeats=2, verbose=0)]
    assert means == sorted(means, reverse=True)


@HOST
def test_a_trial_that_diverges_again_comes_last(tmp_path):
    calls = []

    def loss(x, epoch):
        calls.append(x)
        is_again = len(calls) > 3 * EPOCHS
        return math.nan if is_again and x == best else x + 1

    made = searched(tmp_path, lambda x, epoch: x + 1, max_trials=3)
    best = made.oracle.get_best_trials()[0].hyperparameters["x"]
    calls.extend([0] * 3 * EPOCHS)
    made.hypermodel.loss = loss
    repeated = made.repeat_best(num_trials=3, repeats=2, verbose=0)
    assert [math.isnan(each.mean) for each in repeated] == [False, False, True]
    assert repeated[-1].hyperparameters["x"] == best


@HOST
def test_no_pruner_stops_a_training(tmp_path):
    made = searched(tmp_path, pruner=1)
    made.hypermodel.seen.clear()
    made.repeat_best(num_trials=3, repeats=2, verbose=0)
    assert [epochs for _, epochs in made.hypermodel.seen] == [EPOCHS] * 6


@HOST
def test_a_training_that_raises_ends_it(tmp_path):
    made = of_luck(tmp_path, trials=2)

    def fails(number, values):
        raise ArithmeticError("no room")

    type(made).action = staticmethod(fails)
    with pytest.raises(RuntimeError, match=r"(?s)cannot be trained again: .*no room"):
        made.repeat_best()


@HOST
@pytest.mark.parametrize("wrong", [{"num_trials": 0}, {"repeats": 0}, {"repeats": 1.5}])
def test_refuses_numbers_that_are_none(wrong, tmp_path):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be an integer >= 1"):
        of_luck(tmp_path, trials=2).repeat_best(**wrong)


@HOST
def test_refuses_a_search_without_a_finished_trial(tmp_path):
    made = searches.tuner(tmp_path)
    with pytest.raises(ValueError, match="`repeat_best` needs a trial that has finished"):
        made.repeat_best()


def test_a_network_is_trained_from_other_weights(tmp_path):
    made = RandomSearch(
        HyperMLP(**{**MLP, "width": [4, 8]}),
        "val_loss",
        max_trials=2,
        seed=1,
        directory=tmp_path,
    )
    made.search(**iris(), epochs=2, verbose=0)
    weights = [array(v) for v in made.get_best_models()[0].weights]
    repeated = made.repeat_best(**iris(), epochs=2, verbose=0, num_trials=2, repeats=2)
    scores = [score for each in repeated for score in (*each.scores, each.trial.score)]
    assert len({*scores}) == 6
    assert np.isfinite(scores).all()
    for before, after in zip(weights, made.get_best_models()[0].weights, strict=True):
        np.testing.assert_array_equal(before, array(after))
