"""Damaged files of every kind give what honest ones give, or one clear error."""

import dataclasses
import json

import numpy as np
import pytest

from keras_trainkit import _archive as archive
from tests.fuzz_files.fuzz import BAD, GOOD, judged, outcomes, reading, table
from tests.fuzz_files.honest import Kind, exactly, kinds, load
from tests.fuzz_files.mutations import MUTATIONS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return kinds(tmp_path_factory.mktemp("honest"))


pytestmark = pytest.mark.host

LONG = [pytest.mark.backend("torch"), pytest.mark.short()]


@pytest.mark.parametrize(
    "count",
    [500, pytest.param(20000, marks=LONG)],
)
def test_no_damage_gives_a_wrong_number_an_unclear_error_or_takes_much_memory(
    count, files, tmp_path
):
    found = list(outcomes(files, tmp_path, count, seed=0))
    assert [outcome for outcome in found if outcome.verdict in BAD] == []
    assert len({outcome.mutation for outcome in found}) == len(MUTATIONS)
    assert {outcome.verdict for outcome in found} == set(GOOD)


def careless(path):
    """Read what can be read, and take the rest for absent."""
    with np.load(path) as file:
        tree = json.loads(file["tree.npy"].tobytes())
        return [file[entry["__array__"]] for entry in tree["state"] if entry["__array__"] in file]


def test_a_careless_reader_is_found_out(tmp_path):
    archive.write(str(tmp_path / "sound"), [np.zeros(3), np.ones(2)])
    kind = Kind("careless", (tmp_path / "sound").read_bytes(), careless)
    verdicts = {outcome.verdict for outcome in outcomes([kind], tmp_path, 200, seed=0)}
    assert verdicts >= {"equal", "WRONG", "UNCLEAR", "MEMORY"}


@pytest.mark.parametrize(
    ("found", "peak", "verdict"),
    [
        ({"a": np.float32([np.nan, 0.0])}, 0, "equal"),
        ({"a": np.float32([np.nan, -0.0])}, 0, "WRONG"),
        ({"a": np.float64([np.nan, 0.0])}, 0, "WRONG"),
        ({"a": (np.nan, 0.0)}, 0, "WRONG"),
        ({}, 0, "WRONG"),
        ({"a": np.float32([np.nan, 0.0])}, 1 << 30, "MEMORY"),
        (archive.DamagedError("file is damaged: so"), 0, "refused"),
        (archive.DamagedError("so"), 0, "UNCLEAR"),
        (KeyError("file"), 0, "UNCLEAR"),
        (ValueError("file is damaged: so"), 0, "UNCLEAR"),
    ],
)
def test_verdicts(found, peak, verdict):
    kind = Kind("kind", b"", archive.read)
    sound = [exactly({"a": np.float32([np.nan, 0.0])})]
    found = found if isinstance(found, Exception) else exactly(found)
    assert judged(kind, "file", sound, 100, (found, [], peak))[0] == verdict


def test_the_error_of_a_history_is_another(files, tmp_path):
    history = next(kind for kind in files if kind.read is load)
    path = str(tmp_path / "file")
    error, warned, _ = reading(history, b"", path)
    assert not warned
    assert history.is_clear(error, path)
    assert not history.is_clear(ValueError("another"), path)
    assert not dataclasses.replace(history, read=archive.read).is_clear(error, path)


def test_the_table_counts_every_outcome(files, tmp_path):
    found = list(outcomes(files, tmp_path, 20, seed=1))
    for rows in ("kind", "mutation"):
        *lines, total = table(found, rows).splitlines()[1:]
        assert sum(int(count) for line in lines for count in line[28:].split()) == 20
        assert sum(map(int, total[28:].split())) == 20
