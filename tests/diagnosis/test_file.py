import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import History
from tests.diagnosis.samples import event, full_history, history

pytestmark = pytest.mark.host


def assert_same(mine, theirs):
    """Assert that two fields hold the same, down to the types of arrays."""
    if isinstance(theirs, dict):
        assert mine.keys() == theirs.keys()
        for name in theirs:
            assert_same(mine[name], theirs[name])
    elif isinstance(theirs, np.ndarray):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    else:
        assert mine == theirs


@pytest.mark.parametrize("sample", [history, full_history])
def test_file_holds_everything_at_exactly_its_path(sample, tmp_path):
    record = sample()
    record.save(tmp_path / "run")
    loaded = History.load(tmp_path / "run")
    for field in dataclasses.fields(History):
        mine, theirs = getattr(loaded, field.name), getattr(record, field.name)
        if field.name == "activations" and theirs is not None:
            mine, theirs = vars(mine), vars(theirs)
        assert_same(mine, theirs)


def test_file_without_steps_can_be_read(tmp_path):
    History([], [], (), [], np.empty((0, 0, 10))).save(tmp_path / "empty")
    assert History.load(str(tmp_path / "empty")).variables == ()


def change(path, sample=full_history, **entries):
    """Write a sample with some entries of the file replaced, or taken out if `None`."""
    sample().save(path)
    with np.load(path) as archive:
        content = {**archive, **entries}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


def test_file_of_version_1_can_be_read(tmp_path):
    path, record = tmp_path / "run.npz", history()
    columns = ["norm", "max_abs", "mean", "std", "zero_fraction", "nonfinite"]
    columns += ["weight_norm", "update_norm"]
    old = {"version": 1, "statistics": columns, "table": record.table[:, :, :8]}
    change(path, history, **old, signal=None, noise=None, events=None)
    loaded = History.load(path)
    np.testing.assert_array_equal(loaded.table[:, :, :8], record.table[:, :, :8])
    assert loaded.table.dtype == "float32"
    assert np.isnan(loaded.table[:, :, 8:]).all()
    assert loaded.table.shape == (10, 6, 10)
    assert np.isnan(loaded.signal).all()
    assert loaded.events == ()
    np.testing.assert_array_equal(loaded.logs["loss"], record.logs["loss"])


def foreign(path):
    np.savez(path, steps=np.arange(3))


def array_file(path):
    with open(path, "wb") as file:
        np.save(file, np.arange(3))


def pickled(path):
    np.savez(path, format=np.array([{}], dtype=object))


def from_the_future(path):
    change(path, version=3)


def other_columns(path):
    change(path, statistics=["mean", "norm"], table=np.zeros((10, 6, 2)))


def table_too_narrow(path):
    change(path, table=np.zeros((10, 6, 9)))


def half_the_activations(path):
    change(path, **{"activations/table": None})


def events_cut_off(path):
    change(path, events='[{"step": 1')


def events_of_an_unknown_cause(path):
    change(path, events='[{"step": 1, "since": 0, "epoch": 0, "batch": 1, "cause": "fate"}]')


def cut_off(path):
    history().save(path)
    path.write_bytes(path.read_bytes()[:-100])


def bit_flipped(path):
    history().save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def text(path):
    path.write_text("steps,epochs\n")


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        foreign,
        array_file,
        pickled,
        from_the_future,
        other_columns,
        table_too_narrow,
        half_the_activations,
        events_cut_off,
        events_of_an_unknown_cause,
        cut_off,
        bit_flipped,
        text,
        empty,
    ],
)
def test_damaged_or_foreign_file_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "run.npz"
    damage(path)
    with pytest.raises(ValueError, match=r"^`path` must be an undamaged file written by History"):
        History.load(path)


def test_the_sample_that_is_damaged_can_be_read(tmp_path):
    change(tmp_path / "run.npz")
    assert History.load(tmp_path / "run.npz").events[1] == event(step=40, cause="forward")


def test_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        History.load(tmp_path / "none")
