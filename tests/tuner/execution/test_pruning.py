"""Which trials a pruner stops, when, and what it says."""

import keras_tuner
import optuna
import pytest
from optuna.pruners import ThresholdPruner

from keras_trainkit.tuner._execution import pruning
from tests.tuner.execution.curves import EPOCHS, falling, lengths, searched
from tests.tuner.searches import on_disk, rows, statuses, tuner

pytestmark = pytest.mark.host


def test_after_a_fixed_number_of_epochs_the_best_quarter_goes_on(tmp_path):
    made = searched(tmp_path, pruner=2)
    xs = [values["x"] for _, values, _, _ in rows(made)]
    expected = [
        EPOCHS if sorted(xs[: i + 1]).index(x) < max((i + 1) // 4, 1) else 2
        for i, x in enumerate(xs)
    ]
    assert lengths(made) == expected
    assert expected.count(2) > 4


def test_the_median_rule_waits_for_trials_and_epochs(tmp_path):
    made = searched(tmp_path, pruner="median")
    epochs = lengths(made)
    assert epochs[:5] == [EPOCHS] * 5
    assert set(epochs[5:]) == {pruning.MEDIAN_EPOCHS, EPOCHS}


def test_halving_stops_at_ever_later_epochs(tmp_path):
    assert set(lengths(searched(tmp_path, pruner="halving"))) == {1, 4, EPOCHS}


def test_a_pruner_of_optunas_is_asked_after_each_epoch(tmp_path):
    def rising(x, epoch):
        return epoch

    pruner = ThresholdPruner(upper=3)
    made = searched(tmp_path, rising, pruner=pruner, max_trials=2)
    assert lengths(made) == [4, 4]
    assert "ThresholdPruner" in made.oracle.trials["0"].message
    assert pruning.checked(pruner) is pruner


def test_a_trial_that_is_stopped_has_a_score_and_a_reason(tmp_path, capfd):
    made = searched(tmp_path, pruner=2)
    worst = made.oracle.get_best_trials(12)[-1]
    assert worst.status == "COMPLETED"
    assert worst.score == falling(worst.hyperparameters["x"], 2)
    number = int(worst.trial_id) + 1
    assert worst.message == (
        f"Stopped after epoch 2 by FixedEpochsPruner: `loss` was {worst.score:.4g}, "
        f"rank {number} of {number} trials that came as far."
    )
    assert on_disk(tmp_path)[f"trial_{worst.trial_id}/trial.json"]["message"] == worst.message
    made.results_summary(12)
    assert "FixedEpochsPruner" in capfd.readouterr().out


def test_the_larger_may_be_the_better(tmp_path):
    objective = keras_tuner.Objective("loss", "max")
    made = searched(tmp_path, pruner=1, objective=objective)
    xs = [values["x"] for _, values, _, _ in rows(made)]
    longest = [x for x, length in zip(xs, lengths(made), strict=True) if length == EPOCHS]
    assert max(xs) in longest
    assert min(xs[1:]) not in longest


def test_what_the_last_epoch_shows_stops_nothing(tmp_path):
    made = searched(tmp_path, pruner=3, epochs=3)
    assert lengths(made) == [3] * 12
    assert {trial.message for trial in made.oracle.trials.values()} == {None}


@pytest.mark.parametrize("pruner", [2, "median", "halving"])
def test_a_search_in_parts_stops_the_same_trials(pruner, tmp_path):
    whole = searched(tmp_path / "whole", pruner=pruner)
    for trials in (4, 9, 12):
        parts = searched(tmp_path / "parts", pruner=pruner, max_trials=trials)
    assert rows(parts) == rows(whole)
    assert lengths(parts) == lengths(whole)


def test_further_executions_of_a_stopped_trial_are_saved(tmp_path):
    made = searched(tmp_path, pruner=2, executions_per_trial=3)
    counts = [len(record["executions"]) for _, record in made.oracle.records()]
    assert counts == [3 if length == EPOCHS else 1 for length in lengths(made)]


def test_a_trial_without_the_objective_after_each_epoch_ends_the_search(tmp_path):
    objective = keras_tuner.Objective("val_loss", "min")
    with pytest.raises(keras_tuner.errors.FatalValueError, match=r"`pruner` compares.*\['loss'\]"):
        searched(tmp_path, pruner=2, objective=objective)


@pytest.mark.parametrize("pruner", [0, 1.5, True, "best", optuna.pruners.MedianPruner])
def test_pruners_that_are_refused(pruner, tmp_path):
    with pytest.raises(ValueError, match="`pruner` must be an integer >= 1, 'median', 'halving'"):
        tuner(tmp_path, pruner=pruner)


def test_half_of_the_epochs_are_saved_and_the_best_trial_is_found(tmp_path):
    for pruner in (2, "median", "halving"):
        made = searched(tmp_path / str(pruner), pruner=pruner, max_trials=25)
        assert sum(lengths(made)) < 0.6 * 25 * EPOCHS
        best = min(values["x"] for _, values, _, _ in rows(made))
        assert made.get_best_hyperparameters()[0]["x"] == best
    assert statuses(made) == ["COMPLETED"] * 25
