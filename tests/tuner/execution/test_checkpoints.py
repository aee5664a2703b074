"""Which trials have a file of weights."""

import os
import pathlib

import pytest

from keras_trainkit.tuner._oracle import files
from tests.tuner.execution.curves import falling, searched
from tests.tuner.searches import rows, tuner

pytestmark = pytest.mark.host

FILE = "checkpoint.weights.h5"


def kept(folder) -> set[int]:
    """Return the numbers of the trials that have weights on the disk."""
    found = list(pathlib.Path(folder, "search").rglob(f"{FILE}*"))
    assert {path.name for path in found} <= {FILE}
    return {int(path.parent.name.removeprefix("trial_")) for path in found}


def best(made, count) -> set[int]:
    return {int(trial.trial_id) for trial in made.oracle.get_best_trials(count)}


@pytest.mark.parametrize("keep_best", [1, 3])
def test_only_the_best_have_weights(keep_best, tmp_path):
    for trials in (1, 4, 12):
        made = searched(tmp_path, keep_best=keep_best, max_trials=trials)
        assert kept(tmp_path) == best(made, min(keep_best, trials))
    assert len(made.get_best_models(12)) == keep_best


def test_none_keeps_all(tmp_path):
    searched(tmp_path, keep_best=None)
    assert kept(tmp_path) == set(range(12))


def test_a_trial_writes_its_weights_once_and_only_if_they_are_kept(tmp_path, monkeypatch):
    written = []
    write = files.write_bytes

    def noted(path, content):
        if path.endswith(FILE):
            written.append(path)
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", noted)
    made = searched(tmp_path, keep_best=1)
    xs = [values["x"] for _, values, _, _ in rows(made)]
    assert len(written) == sum(x == min(xs[: i + 1]) for i, x in enumerate(xs))
    assert len(set(written)) == len(written)


def test_a_trial_that_fails_leaves_no_weights(tmp_path):
    def fails(x, epoch):
        return float("nan") if x % 2 and epoch == 4 else falling(x, epoch)

    made = searched(tmp_path, fails)
    finished = {n for n, (_, _, status, _) in enumerate(rows(made)) if status == "COMPLETED"}
    assert kept(tmp_path) == finished & best(made, 10)


def test_what_a_killed_process_has_left_is_removed(tmp_path):
    made = searched(tmp_path, keep_best=2, max_trials=6)
    loser = made.oracle.get_best_trials(6)[-1]
    path = os.path.join(made.get_trial_dir(loser.trial_id), FILE)
    files.write_bytes(path, b"left")
    searched(tmp_path, keep_best=2, max_trials=7)
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("keep_best", [0, 1.5, "all"])
def test_numbers_that_are_refused(keep_best, tmp_path):
    with pytest.raises(ValueError, match="`keep_best` must be an integer >= 1"):
        tuner(tmp_path, keep_best=keep_best)
