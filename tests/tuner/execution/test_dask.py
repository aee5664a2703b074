"""Trials on a cluster of Dask's, a worker of which is killed."""

import pytest
from distributed import Client, LocalCluster

from tests.tuner.execution.sleeping import Sleeping, process_ids, ran
from tests.tuner.searches import rows, statuses

pytestmark = [pytest.mark.host, pytest.mark.short()]


@pytest.fixture
def client(tmp_path):
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path
        ) as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_killed_in_mid_trial_loses_no_trial(client, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    made = Sleeping(runs, 0.5, {3: 1}, max_trials=8, directory=tmp_path / "there")
    executor = client.get_executor(pure=False, retries=3)
    made.search(executor=executor, workers=2, verbose=0)
    assert statuses(made) == ["COMPLETED"] * 8
    assert [number for number in ran(runs) if number != 3] == [0, 1, 2, 4, 5, 6, 7]
    assert ran(runs).count(3) == 2
    assert len(process_ids(runs)) >= 2
    again = Sleeping(runs, max_trials=8, directory=tmp_path / "here")
    again.search(verbose=0)
    assert rows(again) == rows(made)
