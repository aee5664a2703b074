import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit.diagnosis import History
from keras_trainkit.diagnosis._history_file import HOLDS
from tests.diagnosis.samples import assert_same_history, event, full_history, history

pytestmark = pytest.mark.host

OLD_FILES = Path(__file__).parents[1] / "old_files"


@pytest.mark.parametrize("sample", [history, full_history])
def test_file_holds_everything_at_exactly_its_path(sample, tmp_path):
    record = sample()
    record.save(tmp_path / "run")
    assert_same_history(History.load(tmp_path / "run"), record)


def test_file_without_steps_can_be_read(tmp_path):
    History([], [], (), [], np.empty((0, 0, 10))).save(tmp_path / "empty")
    assert History.load(str(tmp_path / "empty")).variables == ()


def test_file_keeps_the_types_of_logs_and_of_an_event(tmp_path):
    record = dataclasses.replace(
        history(), logs={"epoch": [0, 1]}, events=[event(step=np.int64(3))]
    )
    record.save(tmp_path / "run")
    loaded = History.load(tmp_path / "run")
    assert loaded.logs["epoch"].tolist() == [0, 1]
    assert loaded.events == (event(step=3),)


def test_an_interrupted_save_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    history().save(path)
    content = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    for place in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, place, interrupted)
            with pytest.raises(KeyboardInterrupt):
                full_history().save(path)
        assert [*tmp_path.iterdir()] == [path]
        assert path.read_bytes() == content


def test_file_has_the_rights_of_every_other_file(tmp_path):
    history().save(tmp_path / "run.npz")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "run.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


def change(path, sample=full_history, **entries):
    """Write a sample with some entries of the file's content replaced, or taken out if `None`."""
    sample().save(path)
    content = archive.read(str(path), HOLDS, compressed=True) | entries
    changed = {name: value for name, value in content.items() if value is not None}
    archive.write(str(path), changed, HOLDS)


def change_old(path, **entries):
    """Do the same to the file of version 2, where "logs/loss" and its like are entries."""
    with np.load(OLD_FILES / "history.npz") as old:
        content = {**old, **entries}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


def write_version_1(path):
    columns = ["norm", "max_abs", "mean", "std", "zero_fraction", "nonfinite"]
    columns += ["weight_norm", "update_norm"]
    table = full_history(layers=2, steps=3).table[:, :, :8]
    later = ("signal", "noise", "histograms", "events")
    later += tuple(f"activations/{name}" for name in ("epochs", "layers", "kinds", "table"))
    absent = dict.fromkeys(later)
    change_old(path, version=1, statistics=columns, table=table, **absent)


def test_file_of_version_1_can_be_read(tmp_path):
    path, record = tmp_path / "run.npz", full_history(layers=2, steps=3)
    write_version_1(path)
    loaded = History.load(path)
    np.testing.assert_array_equal(loaded.table[:, :, :8], record.table[:, :, :8])
    assert loaded.table.dtype == "float32"
    assert np.isnan(loaded.table[:, :, 8:]).all()
    assert loaded.table.shape == (3, 4, 10)
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


def snapshot(path):
    archive.write(str(path), {"version": 3})


def from_the_future(path):
    change(path, version=5)


def other_columns(path):
    change(path, statistics=["mean", "norm"], table=np.zeros((10, 6, 2)))


def table_too_narrow(path):
    change(path, table=np.zeros((10, 6, 9)))


def half_the_activations(path):
    change(path, activations={"epochs": np.arange(2), "layers": ("dense",)})


def table_in_lists(path):
    change(path, table=[[[1.0] * 10]])


UNKNOWN_CAUSE = {"step": 1, "since": 0, "epoch": 0, "batch": 1, "cause": "fate"}


def event_cut_off(path):
    change(path, events=[{"step": 1}])


def event_of_an_unknown_cause(path):
    change(path, events=[UNKNOWN_CAUSE])


def test_old_file_without_activations_has_none_and_can_be_saved_again(tmp_path):
    path = tmp_path / "old.npz"
    change_old(path, **{f"activations/{n}": None for n in ("epochs", "layers", "kinds", "table")})
    loaded = History.load(path)
    assert loaded.activations is None
    loaded.save(path)
    assert_same_history(History.load(path), loaded)


def old_and_other_columns(path):
    change_old(path, statistics=["mean", "norm"], table=np.zeros((3, 4, 2)))


def old_with_a_table_too_narrow(path):
    change_old(path, table=np.zeros((3, 4, 9)))


def old_with_half_the_activations(path):
    change_old(path, **{"activations/table": None})


def old_with_events_cut_off(path):
    change_old(path, events='[{"step": 1')


def old_with_an_event_of_an_unknown_cause(path):
    change_old(path, events=json.dumps([UNKNOWN_CAUSE]))


def old_and_foreign(path):
    change_old(path, format="other")


def old_and_cut_off(path):
    path.write_bytes((OLD_FILES / "history.npz").read_bytes()[:-100])


def old_with_a_bit_flipped(path):
    content = bytearray((OLD_FILES / "history.npz").read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


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
        snapshot,
        array_file,
        pickled,
        from_the_future,
        other_columns,
        table_too_narrow,
        half_the_activations,
        table_in_lists,
        event_cut_off,
        event_of_an_unknown_cause,
        old_and_other_columns,
        old_with_a_table_too_narrow,
        old_with_half_the_activations,
        old_with_events_cut_off,
        old_with_an_event_of_an_unknown_cause,
        old_and_foreign,
        old_and_cut_off,
        old_with_a_bit_flipped,
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


@pytest.mark.parametrize("write", [change, change_old])
def test_the_samples_that_are_damaged_can_be_read(write, tmp_path):
    write(tmp_path / "run.npz")
    assert History.load(tmp_path / "run.npz").events[1] == event(step=40, cause="forward")


def test_an_error_says_what_is_wrong_with_the_file(tmp_path):
    path = tmp_path / "run.npz"
    from_the_future(path)
    with pytest.raises(ValueError, match=r"^`path` must be") as error:
        History.load(path)
    assert str(error.value) == (
        "`path` must be an undamaged file written by History.save. "
        f"Received: path={str(path)!r} (its version is 5, this is 4)"
    )


def test_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        History.load(tmp_path / "none")


FIELDS = [field.name for field in dataclasses.fields(History)]
NO_FIELDS = [None, [], {}, "text", 7, [1, 2], np.array("text"), np.zeros((2, 2), "c8"), ("a", 1)]
# A history may be without these, and a dict without logs is one of logs.
MAY_BE = {
    "histograms": [None],
    "activations": [None],
    "facts": [None],
    "outcomes": [None],
    "logs": [{}],
    "events": [[]],
}


def refuses(path):
    with pytest.raises(ValueError, match=r"^`path` must be an undamaged file written by History"):
        History.load(path)


def content_of(path):
    full_history().save(path)
    return archive.read(str(path), HOLDS, compressed=True)


@pytest.mark.parametrize("name", [*FIELDS, "version", "statistics"])
def test_a_field_that_is_missing_or_another_thing_is_one_clear_error(name, tmp_path):
    path = tmp_path / "run.npz"
    content = content_of(path)
    others = [content | {name: value} for value in NO_FIELDS if not may_be(name, value)]
    without = {key: content[key] for key in content if key != name}
    for changed in (*others, *([without] if name != "outcomes" else [])):
        archive.write(str(path), changed, HOLDS)
        refuses(path)


def test_a_file_without_outcomes_can_be_read(tmp_path):
    change(tmp_path / "run.npz", outcomes=None)
    assert History.load(tmp_path / "run.npz").outcomes is None


def may_be(name, value):
    return any(
        type(value) is type(allowed) and value == allowed for allowed in MAY_BE.get(name, ())
    )


@pytest.mark.parametrize(
    "logs",
    [{"loss": 1.0}, {"loss": [1.0]}, {"loss": None, "epoch": np.arange(2)}, {"loss": {}}],
)
def test_logs_are_arrays(logs, tmp_path):
    change(tmp_path / "run.npz", logs=logs)
    refuses(tmp_path / "run.npz")


FACTS = dataclasses.asdict(event())


@pytest.mark.parametrize("fact", [*FACTS])
@pytest.mark.parametrize("write", [change, change_old])
def test_an_event_has_all_its_facts(write, fact, tmp_path):
    path = tmp_path / "run.npz"
    broken = [{name: FACTS[name] for name in FACTS if name != fact}]
    broken += [FACTS | {fact: value} for value in (None, 1.5, {}) if value != FACTS[fact]]
    for facts in broken:
        events = [FACTS, facts]
        write(path, events=events if write is change else json.dumps(events))
        refuses(path)


@pytest.mark.parametrize(
    "name",
    ["format", "version", "statistics", "events", "table", "noise", "activations/kinds", "steps"],
)
def test_an_old_file_has_all_its_parts_and_no_strange_one(name, tmp_path):
    path = tmp_path / "run.npz"
    change_old(path, **{name: None})
    refuses(path)
    with np.load(OLD_FILES / "history.npz") as old:
        change_old(path, **{name: None, f"{name}s": old[name]})
    refuses(path)
    change_old(path, more=np.zeros(3))
    refuses(path)


ON_TORCH_IN_THE_LONG_FORM = [pytest.mark.backend("torch"), pytest.mark.short()]


def flip(path, content, bit):
    """Write the content with a bit flipped; return what is loaded, or None if it is refused."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    try:
        return History.load(path)
    except ValueError as error:
        if not str(error).startswith("`path` must be an undamaged file"):
            raise
    return None


@pytest.mark.parametrize("every", [211, pytest.param(1, marks=ON_TORCH_IN_THE_LONG_FORM)])
@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_flipped_bit_loses_nothing_silently(every, version, tmp_path):
    """All bits that say how long something in the directory is, and some of all others."""
    path = tmp_path / "run.npz"
    if version == 1:
        write_version_1(path)
    elif version == 2:
        shutil.copy(OLD_FILES / "history.npz", path)
    else:
        full_history(layers=2, steps=3).save(path)
    content, record = path.read_bytes(), History.load(path)
    lengths, found = [], -1
    while (found := content.find(b"PK\1\2", found + 1)) >= 0:
        lengths += range(8 * (found + 28), 8 * (found + 34))
    for bit in (*lengths, *range(0, 8 * len(content), every)):
        loaded = flip(path, content, bit)
        if loaded is not None:
            assert_same_history(loaded, record)
