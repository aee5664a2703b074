import csv
import sys
import types

import numpy as np
import pytest

from keras_trainkit.diagnosis import STATISTICS
from tests.diagnosis.samples import history, with_values

pytestmark = pytest.mark.host

COLUMNS = ["step", "epoch", "variable", "size", *STATISTICS, "update_ratio"]


@pytest.fixture
def record():
    norms = np.random.default_rng(0).lognormal(size=(4, 6))
    norms[2, 3] = np.inf
    return with_values(history(steps=4), "norm", norms)


def assert_holds(columns, record):
    """Assert that the columns name the cell of every value of the record."""
    assert list(columns) == COLUMNS
    assert len(columns["step"]) == 4 * 6
    for row in range(4 * 6):
        step = list(record.steps).index(int(columns["step"][row]))
        index = record.variables.index(columns["variable"][row])
        assert int(columns["epoch"][row]) == record.epochs[step]
        assert int(columns["size"][row]) == record.sizes[index]
        for name in (*STATISTICS, "update_ratio"):
            value = record.table.dtype.type(columns[name][row])
            np.testing.assert_array_equal(value, record[name][step, index].astype("float32"))
    assert len({*zip(columns["step"], columns["variable"], strict=True)}) == 4 * 6


def test_csv_holds_one_line_per_step_and_variable(record, tmp_path):
    record.to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert_holds(dict(zip(head, zip(*rows, strict=True), strict=True)), record)
    assert rows[0][COLUMNS.index("clipped_norm")] == "nan"
    assert rows[0][COLUMNS.index("update_norm")] == "0.002"


def test_frame_holds_the_same_columns(record, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=dict))
    assert_holds(record.to_pandas(), record)


def test_frame_without_pandas_says_what_is_missing(record, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError) as caught:
        record.to_pandas()
    assert str(caught.value) == (
        "`History.to_pandas` needs pandas: pip install pandas. `History.to_csv` needs nothing"
    )
