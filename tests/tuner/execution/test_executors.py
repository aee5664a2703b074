"""Trials in other processes: what they are given, what comes back, and how such processes end."""

import os
import pathlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import keras_tuner
import pytest

from keras_trainkit.tuner import HyperMLP, RandomSearch
from tests.contracts import ROOT
from tests.tuner.execution.sleeping import Sleeping, process_ids, ran
from tests.tuner.searches import rows, statuses
from tests.tuner.test_search import MLP, iris

HOST = pytest.mark.host
# To begin a process takes seconds.
LONG = pytest.mark.short()


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def is_running(process_id) -> bool:
    stat = pathlib.Path(f"/proc/{process_id}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come about in time"
        time.sleep(0.05)


@HOST
def test_with_a_process_killed_in_mid_trial_every_trial_counts_once(runs, tmp_path):
    here = Sleeping(runs, max_trials=4, directory=tmp_path / "here")
    here.search(verbose=0, offset=2.0)
    for path in runs.iterdir():
        path.unlink()
    made = Sleeping(runs, deadly={1: 1}, max_trials=4, directory=tmp_path / "there")
    made.search(workers=2, verbose=0, offset=2.0)
    assert rows(made) == rows(here)
    assert statuses(made) == ["COMPLETED"] * 4
    assert ran(runs) == [0, 1, 1, 2, 3]
    assert os.getpid() not in process_ids(runs)
    assert not any(map(is_running, process_ids(runs)))


@HOST
@LONG
def test_a_trial_that_kills_its_process_twice_is_given_up(runs, tmp_path):
    made = Sleeping(runs, 0.1, {1: 1, 4: 2}, max_trials=6, directory=tmp_path)
    made.search(workers=2, verbose=0)
    expected = ["COMPLETED"] * 6
    expected[4] = "FAILED"
    assert statuses(made) == expected
    assert ran(runs) == [0, 1, 1, 2, 3, 4, 4, 5]
    assert made.oracle.trials["4"].message.startswith("Given up: the process has ended 2 times")


@HOST
@LONG
def test_two_processes_are_nearly_twice_as_fast_and_end_at_once(runs, tmp_path):
    """Counted from the first trial to the end of the search: processes take seconds to begin."""

    def seconds(folder, **arguments):
        for path in runs.iterdir():
            path.unlink()
        Sleeping(runs, 3.0, max_trials=20, directory=folder).search(verbose=0, **arguments)
        began = sorted(path.stat().st_mtime for path in runs.iterdir())
        assert time.time() - began[-1] - 3.0 < 2.0
        return time.time() - began[0]

    one, two = seconds(tmp_path / "one"), seconds(tmp_path / "two", workers=2)
    assert one / two >= 1.85


SCRIPT = """
import sys
from tests.tuner.execution.sleeping import Sleeping
if __name__ == "__main__":
    runs, folder = sys.argv[1:]
    Sleeping(runs, 30.0, max_trials=2, directory=folder).search(workers=2, verbose=0)
"""


@HOST
@LONG
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_searches(how, runs, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, runs, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(process_ids(runs)) == 2)
    process.send_signal(how)
    began = time.monotonic()
    process.wait(20)
    wait_until(lambda: not any(map(is_running, process_ids(runs))), 2.0)
    assert time.monotonic() - began < 4.0
    found = Sleeping(runs, max_trials=2, directory=tmp_path)
    assert statuses(found) == ["RUNNING"] * 2


def trained(folder, **arguments):
    made = RandomSearch(
        HyperMLP(**{**MLP, "dropout": 0.3}),
        "val_loss",
        max_trials=2,
        seed=0,
        directory=folder,
        project_name="search",
        pruner=1,
    )
    made.search(**iris(), epochs=2, verbose=0, **arguments)
    return made


@LONG
def test_models_train_elsewhere_bit_for_bit_as_here(tmp_path):
    here = trained(tmp_path / "here")
    there = trained(tmp_path / "there", workers=2)
    assert [row[:2] for row in rows(there)] == [row[:2] for row in rows(here)]
    # The second trial began before the first one had ended, so nothing could stop it.
    assert rows(there)[0] == rows(here)[0]
    curves = [record["executions"][0]["val_loss"] for _, record in there.oracle.records()]
    assert curves[1][: len(rows(here))]
    assert len(there.get_best_models(2)) == 2


@HOST
@LONG
def test_an_executor_of_the_users_is_used_and_left_open(runs, tmp_path):
    made = Sleeping(runs, max_trials=4, directory=tmp_path)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        made.search(executor=executor, workers=2, verbose=0)
        assert executor.submit(os.getpid).result() in process_ids(runs)
    assert statuses(made) == ["COMPLETED"] * 4


@HOST
@LONG
def test_an_executor_that_breaks_ends_the_search_and_loses_nothing(runs, tmp_path):
    made = Sleeping(runs, 0.1, {2: 1}, max_trials=4, directory=tmp_path)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.raises(RuntimeError, match="A process of the `executor` has ended"),
    ):
        made.search(executor=executor, workers=1, verbose=0)
    made.search(verbose=0)
    assert statuses(made) == ["COMPLETED"] * 4
    assert ran(runs) == [0, 1, 2, 2, 3]


@HOST
def test_threads_are_refused_before_a_trial_has_failed(runs, tmp_path):
    made = Sleeping(runs, max_trials=2, directory=tmp_path)
    with (
        ThreadPoolExecutor(2) as executor,
        pytest.raises(keras_tuner.errors.FatalValueError, match="workers are other processes"),
    ):
        made.search(executor=executor, workers=2, verbose=0)
    assert "FAILED" not in statuses(made)


@HOST
def test_what_no_other_process_can_have_is_named(tmp_path):
    class Local(Sleeping):
        pass

    with pytest.raises(ValueError, match=r"must be picklable: .*Received: .*Local"):
        Local(tmp_path, max_trials=2, directory=tmp_path).search(workers=2, verbose=0)
    assert not list(tmp_path.rglob("trial_*"))


@HOST
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "`workers` must be an integer >= 1"),
        ({"executor": "dask", "workers": 2}, "`executor` must be an executor of"),
        ({"executor": object()}, "`workers` must be an integer >= 1"),
        ({"max_time": 0}, "`max_time` must be a number > 0"),
    ],
)
def test_arguments_that_are_refused(arguments, message, runs, tmp_path):
    with pytest.raises(ValueError, match=message):
        Sleeping(runs, max_trials=2, directory=tmp_path).search(verbose=0, **arguments)
