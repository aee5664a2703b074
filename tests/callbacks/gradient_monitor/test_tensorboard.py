"""Event files: what TensorBoard reads from them is what was recorded."""

import copy
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from keras_trainkit.callbacks import GradientMonitor, LearningRate
from keras_trainkit.callbacks._tensorboard import EventFile, RecordFile
from keras_trainkit.diagnosis.history import BINS, LOWEST_EXPONENT, STATISTICS
from tests.contracts import run_in_fresh_process

VARIABLES = ("dense/kernel", "dense/bias")
ROWS = np.array(
    [
        [3, 2, 0.5, 0.25, 0.125, 0, 8, 0.5, 1.5, -0.75],
        [4, 3, 1.5, 1.25, 0.625, 0, 2, 0.25, 2.5, 0.75],
    ],
    "float32",
)


def read(folder):
    """Return the steps and values of every tag, over all files of a folder."""
    events = EventAccumulator(os.fspath(folder)).Reload()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in scalars_of(events)}
    for tag in events.Tags()["histograms"]:
        found[tag] = [(e.step, e.histogram_value) for e in events.Histograms(tag)]
    return found


def scalars_of(events):
    return events.Tags()["scalars"]


@pytest.fixture
def events(tmp_path):
    """Yield a file in a folder that does not exist yet."""
    file = RecordFile(tmp_path / "new" / "run")
    yield file
    file.close()


def test_every_statistic_is_read_back_under_its_tag(events):
    for step in (7, 8):
        events.write(step, VARIABLES, ROWS * (step - 6))
    found = read(events.log_dir)
    for i, variable in enumerate(VARIABLES):
        for column, statistic in enumerate(STATISTICS):
            tag = statistic if "weight" in statistic or "update" in statistic else ""
            tag = tag or f"gradient_{statistic}"
            expected = [(7, ROWS[i, column]), (8, 2 * ROWS[i, column])]
            assert found.pop(f"{tag}/{variable}") == expected
    assert found == {
        "update_ratio/dense/kernel": [(7, 0.0625), (8, 0.0625)],
        "update_ratio/dense/bias": [(7, 0.125), (8, 0.125)],
        "global_norm": [(7, 5.0), (8, 10.0)],
    }


def test_nothing_is_written_of_what_was_not_recorded(events):
    rows = np.full((2, len(STATISTICS)), np.nan, "float32")
    rows[0, STATISTICS.index("norm")] = 3
    events.write(0, VARIABLES, rows, np.zeros((2, BINS), "uint32"))
    found = read(events.log_dir)
    assert found == {"gradient_norm/dense/kernel": [(0, 3.0)], "global_norm": [(0, 3.0)]}


def test_infinite_norm_is_written(events):
    rows = ROWS.copy()
    rows[1, 0] = np.inf
    events.write(0, VARIABLES, rows)
    found = read(events.log_dir)
    assert found["gradient_norm/dense/bias"] == found["global_norm"] == [(0, np.inf)]


def test_histogram_has_the_logarithm_as_its_axis_and_no_empty_ends(events):
    gradient = np.array([0.5, -0.75, 0.3, 6.0, 0.0])
    counts = np.zeros((2, BINS), "uint32")
    for g in gradient[gradient != 0]:
        counts[0, int(np.floor(np.log2(abs(g)))) - LOWEST_EXPONENT] += 1
    counts[1, [0, -1]] = 1
    events.write(3, VARIABLES, ROWS, counts)
    found = read(events.log_dir)
    ((step, histogram),) = found["gradient_log2/dense/kernel"]
    assert (step, histogram.min, histogram.max, histogram.num) == (3, -2, 3, 4)
    assert histogram.bucket_limit == [-1, 0, 1, 2, 3]
    assert histogram.bucket == [1, 2, 0, 0, 1]
    ((_, widest),) = found["gradient_log2/dense/bias"]
    assert (widest.min, widest.max) == (-48, 16)
    assert len(widest.bucket) == BINS


def test_scalars_are_written_under_their_own_names(events):
    events.write_scalars(2, {"epoch_loss": np.float32(0.5), "accuracy": 1})
    events.write_scalars(4, {"epoch_loss": np.nan})
    found = read(events.log_dir)
    assert found["accuracy"] == [(2, 1.0)]
    assert found["epoch_loss"][0] == (2, 0.5)
    assert np.isnan(found["epoch_loss"][1][1])


def test_no_file_before_the_first_write_and_another_after_close(events):
    assert not os.path.exists(events.log_dir)
    events.close()
    for step in range(2):
        events.write_scalars(step, {"x": step})
        # A process that is killed now loses nothing.
        assert read(events.log_dir)["x"][-1] == (step, step)
        events.close()
    assert len(os.listdir(events.log_dir)) == 2


def test_a_training_begins_with_the_step_at_which_it_goes_on(events):
    for first, value in ((0, 1), (3, 2), (6, 3), (4, 4)):
        events.begin()
        events.go_on_at(first)
        events.go_on_at(first + 9)  # The epochs after the first.
        for step in range(first, 8, 2):
            events.write_scalars(step, {"x": value})
    path = max(Path(events.log_dir).iterdir())
    version, start, *_ = EventFileLoader(os.fspath(path)).Load()
    assert version.file_version
    assert (start.session_log.status, start.step) == (SessionLog.START, 4)
    assert read(events.log_dir)["x"] == [(0, 1), (2, 1), (3, 2), (4, 4), (6, 4)]


def test_two_files_of_a_training_forget_nothing_of_each_other(tmp_path):
    files = [EventFile(tmp_path / "runs"), EventFile(tmp_path / "more" / ".." / "runs")]
    for firsts in ((0, 0), (4, 2)):
        for file in files:
            file.begin()
        for file, first in zip(files, firsts, strict=True):
            file.go_on_at(first)
        for tag, file, first in zip("ab", files, firsts, strict=True):
            for step in range(first, 6):
                file.write_scalars(step, {tag: step})
    for file in files:
        file.close()
    found = read(tmp_path / "runs")
    assert [step for step, _ in found["a"]] == list(range(6))
    # TensorBoard forgets by steps alone: better twice than never.
    assert [step for step, _ in found["b"]] == [0, 1, 2, 3, 2, 3, 4, 5]


@pytest.mark.host
@pytest.mark.parametrize("make", [EventFile, GradientMonitor, LearningRate])
def test_a_folder_stays_where_it_was_when_it_was_given(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))
    made = [make(log_dir=path) for path in ("runs", Path("~/runs"))]
    files = [vars(m).get("_event_file") or getattr(vars(m).get("_log"), "_file", m) for m in made]
    monkeypatch.chdir("/")
    for file in (*files, pickle.loads(pickle.dumps(files[0]))):
        file.write_scalars(0, {"x": 0})
        file.close()
    assert len(os.listdir(tmp_path / "runs")) == 2
    assert len(os.listdir(tmp_path / "home" / "runs")) == 1
    for path in (3, b"runs", "", True, "gs://bucket/runs", "s3://bucket"):
        message = "^`log_dir` must be the path of a folder"
        with pytest.raises(ValueError, match=message):
            make(log_dir=path)


def test_copies_write_to_files_of_their_own(events):
    events.write_scalars(0, {"x": 0})
    copies = [copy.deepcopy(events), pickle.loads(pickle.dumps(events))]
    assert len(os.listdir(events.log_dir)) == 1
    for step, made in enumerate(copies, start=1):
        made.write_scalars(step, {"x": step})
        made.close()
    events.write_scalars(3, {"x": 3})
    assert len(os.listdir(events.log_dir)) == 3
    assert sorted(read(events.log_dir)["x"]) == [(step, step) for step in range(4)]


def test_writes_where_tensorflow_is_not_installed(tmp_path):
    code = """
import os, sys
if os.environ["KERAS_BACKEND"] != "tensorflow":
    sys.modules["tensorflow"] = None
import numpy as np
from keras_trainkit.callbacks._tensorboard import RecordFile
file = RecordFile(sys.argv[1])
file.write(1, ["w"], np.ones((1, 10)), np.ones((1, 64), "uint8"))
file.close()
"""
    run_in_fresh_process(code, tmp_path)
    found = read(tmp_path)
    assert found["gradient_norm/w"] == [(1, 1.0)]
    assert found["gradient_log2/w"][0][1].num == 64


@pytest.mark.backend("jax", "torch")
def test_writing_does_not_load_tensorflow(tmp_path):
    code = """
import sys
from keras_trainkit.callbacks._tensorboard import RecordFile
RecordFile(sys.argv[1]).write_scalars(0, {"x": 1})
print("tensorflow" in sys.modules)
"""
    assert run_in_fresh_process(code, tmp_path).split() == ["False"]


def test_missing_tensorboard_is_an_error_that_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportError, match=r'pip install "keras_trainkit\[tensorboard\]"'):
        RecordFile(tmp_path)
