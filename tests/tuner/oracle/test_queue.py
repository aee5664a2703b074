"""Trials that a person asks for."""

import pytest

from tests.tuner.searches import on_disk, rows, searched, tuner

pytestmark = pytest.mark.host

KNOWN = {"optimizer": "adam", "rate": 5e-3}


def values_of(made):
    return [values for _, values, _, _ in rows(made)]


def test_enqueued_values_come_behind_the_defaults_and_before_proposals(tmp_path):
    made = tuner(tmp_path, max_trials=4)
    made.enqueue(KNOWN)
    made.enqueue({"momentum": True})
    made.search(verbose=0)
    assert values_of(made)[1:3] == [
        KNOWN,
        {"optimizer": "sgd", "rate": 0.01, "momentum": True, "strength": 0.5},
    ]
    assert len(rows(made)) == 4


def test_a_script_that_enqueues_may_run_again(tmp_path):
    for trials in (2, 3, 5):
        made = tuner(tmp_path, max_trials=trials)
        made.enqueue(KNOWN)
        made.enqueue({"rate": 0.5})
        made.search(verbose=0)
    assert values_of(made).count(KNOWN) == 1
    assert values_of(made)[2] == {"optimizer": "sgd", "rate": 0.5, "momentum": False}
    assert len(rows(made)) == 5


def test_the_queue_is_on_the_disk(tmp_path):
    tuner(tmp_path).enqueue(KNOWN)
    assert on_disk(tmp_path)["oracle.json"]["queue"] == [KNOWN]
    assert KNOWN in values_of(searched(tmp_path, max_trials=2))


def test_hyperparameters_of_another_search_are_values(tmp_path):
    best = searched(tmp_path / "one").get_best_hyperparameters()[0]
    made = tuner(tmp_path / "other", seed=5)
    made.enqueue(best)
    made.search(verbose=0)
    assert values_of(made)[1] == best.values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 3}, r"hyperparameters of the search \(optimizer, rate, momentum.*'depth'"),
        ({"rate": 2.0}, r"`rate` must be a number in \[0\.01, 1\.0\]\. Received: rate=2\.0"),
        ({"optimizer": "lion"}, "`optimizer` must be one of 'sgd', 'adam'"),
        ({"strength": 0.7}, "`strength` is not active where the others are {'optimizer': 'sgd'"),
        ({"momentum": 0.5}, "`momentum` must be one of"),
        ({"rate": "high"}, "`rate` must be a number in"),
    ],
)
def test_values_that_no_trial_can_have_are_refused(values, message, tmp_path):
    made = tuner(tmp_path)
    with pytest.raises(ValueError, match=message):
        made.enqueue(values)
    assert rows(searched(tmp_path)) == rows(searched(tmp_path / "other"))
