"""What is proposed, how failures end, and how a search is taken up again."""

import math
import shutil
import threading

import keras_tuner
import numpy as np
import pytest
from keras_tuner import HyperParameters

from keras_trainkit.tuner import BayesianOptimization
from keras_trainkit.tuner._oracle.oracle import Oracle
from tests.tuner.oracle.spaces import every_kind
from tests.tuner.searches import TUNERS, on_disk, one_choice, rows, score, searched, statuses, tuner

pytestmark = pytest.mark.host

each = pytest.mark.parametrize("kind", TUNERS)
drawing = pytest.mark.parametrize("kind", sorted(TUNERS.keys() - {"GridSearch"}))


def values_of(made):
    return [values for _, values, _, _ in rows(made)]


@drawing
@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_gives_the_same_search_and_another_one_another(kind, seed, tmp_path):
    first = searched(tmp_path / "first", kind, seed=seed)
    assert rows(searched(tmp_path / "again", kind, seed=seed)) == rows(first)
    other = searched(tmp_path / "other", kind, seed=seed + 1)
    # KerasTuner's seeds are one stream, begun at different places.
    assert not [values for values in values_of(other)[1:] if values in values_of(first)]


@each
def test_the_first_trial_has_the_defaults(kind, tmp_path):
    made = searched(tmp_path, kind, max_trials=1)
    assert values_of(made) == [{"optimizer": "sgd", "rate": 0.01, "momentum": False}]


def test_without_a_seed_one_is_drawn_and_kept(tmp_path):
    first = searched(tmp_path, seed=None, max_trials=3)
    assert tuner(tmp_path, seed=None).oracle.seed == first.oracle.seed
    assert tuner(tmp_path, seed=5).oracle.seed == 5


@pytest.mark.parametrize(
    ("logs", "best"),
    [
        ([{"val_loss": 0.5}, {"val_loss": 0.3}, {"val_loss": 0.4}], [1, 2, 0]),
        ([{"loss": 0.5}, {"val_loss": 0.3, "loss": 0.6}, {"loss": 0.4}], [1, 2, 0]),
        ([{"val_loss": math.nan}, {"val_loss": 0.3}, {}], [1, 0, 2]),
        ([{}, {"val_loss": 0.3, "val_accuracy": 0.8}, {}], [0, 2, 1]),
    ],
)
def test_the_lower_loss_decides_between_equal_scores(logs, best, tmp_path):
    def action(number, values):
        return {"val_accuracy": 0.9, **logs[number]}

    options = {"objective": "val_accuracy", "max_trials": 3}
    made = searched(tmp_path, action=action, **options)
    assert [int(trial.trial_id) for trial in made.oracle.get_best_trials(3)] == best
    again = tuner(tmp_path, **options)
    assert [int(trial.trial_id) for trial in again.oracle.get_best_trials(3)] == best


@each
@pytest.mark.parametrize("stages", [[1], [8], [9, 11]], ids=str)
def test_a_search_with_more_trials_goes_on_as_if_it_had_had_them(kind, stages, tmp_path):
    whole = searched(tmp_path / "whole", kind, max_trials=12)
    for trials in (*stages, 12):
        parts = searched(tmp_path / "parts", kind, max_trials=trials)
        assert rows(parts) == rows(whole)[:trials]
    # KerasTuner numbers trials with as many digits as `max_trials` has: 9 may stand behind 10.
    assert rows(tuner(tmp_path / "parts", kind)) == rows(whole)
    assert statuses(parts) == ["COMPLETED"] * 12


def test_every_proposal_and_execution_has_a_seed_of_its_own(tmp_path):
    oracle = tuner(tmp_path).oracle
    keys = [(str(number), execution) for number in range(20) for execution in (None, 0, 1)]
    assert len({oracle.seed_of(*key) for key in keys}) == len(keys)
    assert oracle.seed_of("07", 1) == oracle.seed_of("7", 1)


@each
@pytest.mark.parametrize("new_process", [False, True])
def test_a_trial_that_ctrl_c_has_ended_runs_again(kind, new_process, tmp_path):
    presses = iter([True, True, True])

    def pressed(number, values):
        if number == 9 and next(presses, False):
            raise KeyboardInterrupt
        return score(values)

    made = tuner(tmp_path / "pressed", kind, pressed)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            made.search(verbose=0)
        if new_process:
            made = tuner(tmp_path / "pressed", kind, pressed)
    made.search(verbose=0)
    assert rows(made) == rows(searched(tmp_path / "whole", kind))


def dies(monkeypatch, folder, times, at=4):
    """Search as processes do that end in trial `at`; return the tuner that gets through."""
    deaths = iter([True] * times)

    def killed(number, values):
        if number == at and next(deaths, False):
            raise SystemExit
        return score(values)

    monkeypatch.setattr(Oracle, "release", lambda self, trial: None)
    for _ in range(times):
        with pytest.raises(SystemExit):
            searched(folder, action=killed)
    monkeypatch.undo()
    return searched(folder, action=killed)


def test_a_trial_whose_process_has_died_runs_again(monkeypatch, tmp_path):
    made = dies(monkeypatch, tmp_path / "killed", times=1)
    assert rows(made) == rows(searched(tmp_path / "whole"))


def test_a_trial_whose_process_has_died_twice_is_given_up(monkeypatch, tmp_path):
    made = dies(monkeypatch, tmp_path / "killed", times=2)
    trial = made.oracle.trials["04"]
    assert (trial.status, trial.score) == ("FAILED", None)
    assert trial.message.startswith("Given up: the process has ended 2 times while this trial ran")
    assert statuses(made) == ["COMPLETED"] * 4 + ["FAILED"] + ["COMPLETED"] * 7
    assert on_disk(tmp_path / "killed")["trial_04/trial.json"]["message"] == trial.message
    assert rows(tuner(tmp_path / "killed")) == rows(made)


def fails(number, values):
    if number == 1:
        raise ArithmeticError("on purpose")
    if number == 2:
        raise keras_tuner.errors.FailedTrialError("too large")
    return {3: math.nan, 4: math.inf, 5: -math.inf}.get(number, score(values))


@each
def test_failures_have_a_reason_and_end_nothing(kind, tmp_path, capfd):
    made = searched(tmp_path, kind, fails)
    assert capfd.readouterr() == ("", "")
    trials = list(made.oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] + ["FAILED"] * 5 + ["COMPLETED"] * 6
    assert [trial.score is None for trial in trials] == [
        trial.status == "FAILED" for trial in trials
    ]
    last_lines = [trial.message.strip().splitlines()[-1] for trial in trials[1:6]]
    advice = "If the training has diverged, try a lower learning rate."
    assert last_lines == [
        "ArithmeticError: on purpose",
        "Failed: too large",
        f"Failed: `default_objective` was nan. {advice}",
        f"Failed: `default_objective` was inf. {advice}",
        f"Failed: `default_objective` was -inf. {advice}",
    ]
    assert rows(tuner(tmp_path, kind)) == rows(made)
    made.results_summary()
    assert "on purpose" in capfd.readouterr().out


def test_the_best_are_among_those_that_have_finished(tmp_path):
    made = searched(tmp_path, action=fails, max_trials=4)
    assert made.get_best_hyperparameters(4) == [made.oracle.trials["0"].hyperparameters]


def test_a_search_of_which_nothing_has_finished_says_so(tmp_path):
    def raises(number, values):
        raise ArithmeticError("on purpose")

    expected = r"None of 3 trials has finished.*ArithmeticError: on purpose"
    with pytest.warns(UserWarning, match=expected):
        searched(tmp_path, action=raises, max_trials=3)


def test_a_verbose_search_prints_why_a_trial_failed(tmp_path, capfd):
    tuner(tmp_path, action=fails, max_trials=2).search(verbose=1)
    assert "ArithmeticError: on purpose" in capfd.readouterr().out


def test_failures_in_a_row_end_a_search_if_the_user_says_so(tmp_path):
    made = tuner(tmp_path, action=fails, max_consecutive_failed_trials=2)
    with pytest.raises(
        RuntimeError, match=r"2 trials in a row have failed.*The last one: Failed: too large"
    ):
        made.search(verbose=0)
    assert statuses(tuner(tmp_path)) == [
        "COMPLETED",
        "FAILED",
        "FAILED",
    ]
    # KerasTuner would keep its lock.
    thread = threading.Thread(target=made.oracle.create_trial, args=["other"], daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_trial_that_raised_is_retried_as_often_as_allowed(tmp_path, capfd):
    runs = []

    def flaky(number, values):
        runs.append(number)
        if (number == 1 and runs.count(1) < 3) or number == 2:
            raise OSError("busy")
        return score(values)

    made = searched(tmp_path, action=flaky, max_trials=4, max_retries_per_trial=2)
    assert runs == [0, 1, 1, 1, 2, 2, 2, 3]
    assert statuses(made) == ["COMPLETED", "COMPLETED", "FAILED", "COMPLETED"]
    assert made.oracle.trials["1"].message is None
    assert capfd.readouterr() == ("", "")


@each
def test_nothing_is_run_twice_and_a_small_space_is_searched_through(kind, tmp_path):
    def third_fails(number, values):
        return math.nan if values["x"] == 3 else values["x"]

    made = searched(tmp_path, kind, third_fails, one_choice(*range(30)), max_trials=40)
    assert sorted(values["x"] for values in values_of(made)) == list(range(30))


@each
def test_every_kind_of_hyperparameter_is_searched_and_read_again(kind, tmp_path):
    made = searched(tmp_path, kind, lambda number, values: values["float"], every_kind())
    assert all(set(values) == {hp.name for hp in every_kind().space} for values in values_of(made))
    assert rows(tuner(tmp_path, kind, space=every_kind())) == rows(made)


@pytest.mark.parametrize("number", [np.float32(0.5), {"default_objective": np.float32(1)}])
def test_scores_may_be_numbers_of_numpy(number, tmp_path):
    made = searched(tmp_path, action=lambda *_: number, max_trials=2)
    assert statuses(made) == ["COMPLETED"] * 2


def test_other_ranges_are_an_error_that_names_them(tmp_path):
    searched(tmp_path, max_trials=2)
    before = on_disk(tmp_path)
    space = HyperParameters()
    space.Choice("optimizer", ["sgd", "adam"])
    with space.conditional_scope("optimizer", ["sgd"]):
        space.Float("rate", 2e-2, 1.0, sampling="log")
    with pytest.raises(ValueError, match=r"`rate` was Float.*0\.01.* and is now Float.*0\.02"):
        tuner(tmp_path, space=space)
    assert on_disk(tmp_path) == before


def test_another_objective_is_an_error(tmp_path):
    searched(tmp_path, max_trials=2)
    with pytest.raises(ValueError, match=r"`objective` was .*default_objective.* now .*val_loss"):
        tuner(tmp_path, objective="val_loss")


def test_a_default_outside_of_its_range_ends_nothing(tmp_path):
    class Declares(BayesianOptimization):
        def run_trial(self, trial, **arguments):
            return trial.hyperparameters.Float("x", 0.1, 1.0, default=7.0)

    made = Declares(max_trials=5, seed=1, num_initial_points=1, directory=tmp_path)
    made.search(verbose=0)
    assert statuses(made) == ["COMPLETED"] * 5
    assert [score > 1 for _, _, _, score in rows(made)] == [True] + [False] * 4


def test_a_reader_sees_what_was_found_since(tmp_path):
    made = tuner(tmp_path, max_trials=3)
    reader = tuner(tmp_path, max_trials=3)
    made.search(verbose=0)
    assert rows(reader) == []
    for _ in range(2):
        reader.reload()
        assert rows(reader) == rows(made)
    assert reader.oracle.create_trial("reader").status == "STOPPED"


def test_a_hyperparameter_may_join_a_search(tmp_path):
    searched(tmp_path, space=one_choice(1, 2, 3), action=lambda *_: 1.0, max_trials=2)
    space = one_choice(1, 2, 3)
    space.Float("y", 0, 1)
    made = searched(tmp_path, "BayesianOptimization", lambda *_: 1.0, space, max_trials=4)
    assert [sorted(values) for values in values_of(made)] == [["x"], ["x"], ["x", "y"], ["x", "y"]]


def test_to_read_a_search_changes_nothing_on_the_disk(monkeypatch, tmp_path, capfd):
    dies(monkeypatch, tmp_path, times=1, at=11)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    read = tuner(tmp_path)
    assert read.get_best_hyperparameters(3)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == files
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("file", ["oracle.json", "trial_2/trial.json"])
def test_a_damaged_file_is_named(file, tmp_path):
    searched(tmp_path, max_trials=3)
    (tmp_path / "search" / file).write_text("{")
    with pytest.raises(ValueError, match=f"{file} is damaged"):
        tuner(tmp_path)


def test_a_folder_that_is_missing_is_named_before_another_one_is_overwritten(tmp_path):
    made = searched(tmp_path, max_trials=4)
    shutil.rmtree(tmp_path / "search" / "trial_1")
    again = tuner(tmp_path, max_trials=6)
    assert len(rows(again)) == 3
    with pytest.raises(RuntimeError, match=r"numbers \[1\] are missing"):
        again.search(verbose=0)
    assert on_disk(tmp_path)["trial_3/trial.json"]["score"] == rows(made)[3][3]


def test_a_search_without_its_oracle_file_keeps_its_trials(tmp_path):
    made = searched(tmp_path, max_trials=3)
    (tmp_path / "search" / "oracle.json").unlink()
    assert rows(tuner(tmp_path)) == rows(made)


def test_overwrite_begins_anew(tmp_path):
    searched(tmp_path, max_trials=3)
    assert rows(tuner(tmp_path, overwrite=True)) == []


def test_a_metric_that_is_not_finite_is_left_out_beside_a_score(tmp_path):
    metrics = {"default_objective": 0.5, "auc": math.nan, "loss": math.inf, "mae": 2}
    made = searched(tmp_path, action=lambda *_: metrics, max_trials=1)
    trial = made.oracle.trials["0"]
    assert trial.score == 0.5
    assert set(trial.metrics.metrics) == {"default_objective", "mae"}


class Theirs(keras_tuner.RandomSearch):
    def run_trial(self, trial, **arguments):
        return trial.hyperparameters.values["float"]


def theirs(folder, trials):
    return Theirs(
        max_trials=trials,
        seed=1,
        hyperparameters=every_kind(),
        directory=folder,
        project_name="search",
    )


def test_keras_tuner_and_this_package_go_on_with_each_others_searches(tmp_path):
    theirs(tmp_path, 3).search(verbose=0)
    made = searched(
        tmp_path,
        "BayesianOptimization",
        lambda number, values: values["float"],
        every_kind(),
        max_trials=6,
    )
    assert statuses(made) == ["COMPLETED"] * 6
    again = theirs(tmp_path, 8)
    assert sorted(rows(again), key=lambda row: row[0]) == rows(made)
    again.search(verbose=0)
    assert statuses(again) == ["COMPLETED"] * 8
