"""Files that are whole, or not there."""

import json
import os

import pytest

from keras_trainkit.tuner._oracle import files

pytestmark = pytest.mark.host


def test_reads_what_was_written(tmp_path):
    path = str(tmp_path / "trial.json")
    files.write_json(path, {"score": 0.1, "values": [1, None, "ä"]})
    assert files.read_json(path) == {"score": 0.1, "values": [1, None, "ä"]}
    assert os.listdir(tmp_path) == ["trial.json"]


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("instant", ["write", "fsync", "replace"])
def test_an_end_at_any_instant_leaves_the_old_file(instant, tmp_path, monkeypatch):
    path = str(tmp_path / "trial.json")
    files.write_json(path, "old")

    def killed(*arguments):
        raise KilledError

    def opened(name, *arguments, **options):
        with open(name, *arguments, **options) as file:
            file.write(b'"ne')
        killed()

    if instant == "write":
        monkeypatch.setattr(files, "open", opened, raising=False)
    else:
        monkeypatch.setattr(files.os, instant, killed)
    with pytest.raises(KilledError):
        files.write_json(path, "new")
    monkeypatch.undo()
    assert files.read_json(path) == "old"
    files.write_json(path, "new")
    assert files.read_json(path) == "new"
    assert os.listdir(tmp_path) == ["trial.json"]


def test_what_json_cannot_hold_touches_no_file(tmp_path):
    path = str(tmp_path / "trial.json")
    files.write_json(path, "old")
    with pytest.raises(TypeError):
        files.write_json(path, {"value": object()})
    assert files.read_json(path) == "old"
    assert os.listdir(tmp_path) == ["trial.json"]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "oracle.json"
    path.write_text(json.dumps({"seed": 1})[:-3])
    with pytest.raises(ValueError, match=r"oracle\.json is damaged"):
        files.read_json(str(path))
