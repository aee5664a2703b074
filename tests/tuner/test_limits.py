"""Limits of a search besides the number of its trials."""

import time

import pytest

from tests.tuner.searches import rows, score, searched, statuses, tuner

pytestmark = pytest.mark.host


def slowly(number, values):
    time.sleep(0.1)
    return score(values)


def test_after_the_time_no_trial_begins_and_the_running_one_ends(tmp_path):
    made = tuner(tmp_path, action=slowly, max_trials=100)
    began = time.monotonic()
    made.search(verbose=0, max_time=0.5)
    assert 0.5 <= time.monotonic() - began < 5.0
    assert 1 <= len(rows(made)) <= 5
    assert set(statuses(made)) == {"COMPLETED"}


def test_each_search_has_its_own_time(tmp_path):
    made = tuner(tmp_path, action=slowly, max_trials=4)
    made.search(verbose=0, max_time=0.05)
    assert len(rows(made)) == 1
    made.search(verbose=0, max_time=0.05)
    assert len(rows(made)) == 2
    made.search(verbose=0)
    assert rows(made) == rows(searched(tmp_path / "whole", max_trials=4))
