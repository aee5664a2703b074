"""What fails around a snapshot costs one clear message, never the training or a wrong number."""

import errno
import itertools
import json
import os
import pathlib
import random
import subprocess
import tempfile
import zipfile

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit import layers
from keras_trainkit.callbacks._training_state.folder import SnapshotFolder
from tests.callbacks.training_state.crashes import (
    STEPS,
    Training,
    arrays,
    assert_same,
    compiled,
    complaints,
    forget_fits,
    network,
)
from tests.contracts import array
from tests.file_stand_in import FileStandIn
from tests.selection import full_on_torch

TRAINING = Training(crash=(2, None), save_freq="epoch")


def snapshots(folder):
    return sorted((folder / "state" / "fit-000").iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in snapshots(folder)}


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """Return the bytes of the two snapshots that a crash left, by name."""
    keras.utils.clear_session(free_memory=False)
    folder = tmp_path_factory.mktemp("crashed")
    TRAINING.crashed(folder)
    return contents(folder)


@pytest.fixture
def left(crashed, tmp_path):
    """Return a folder with them."""
    place = tmp_path / "left" / "state" / "fit-000"
    place.mkdir(parents=True)
    for name, content in crashed.items():
        (place / name).write_bytes(content)
    return tmp_path / "left"


class Filling(FileStandIn):
    """A file on a disk that is full after so many bytes."""

    def __init__(self, file, room):
        super().__init__(file)
        self.room = room

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(content)


def filling(monkeypatch, limits):
    """Let the files that are written from now on find so much room each, the last one for ever."""
    rooms = itertools.chain(limits, itertools.repeat(limits[-1]))

    def opened(path, mode):
        file = pathlib.Path(path).open(mode)  # noqa: SIM115
        return Filling(file, next(rooms)) if "x" in mode else file

    monkeypatch.setattr(archive, "open", opened, raising=False)


def mount(path):
    """Mount a disk with room for one snapshot of the wide network; say whether that worked."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(path)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def unmount(path):
    subprocess.run(["umount", str(path)], check=True)


def disks():
    """Return the kinds of a full disk that there can be here: a real one needs rights."""
    with tempfile.TemporaryDirectory() as folder:
        disk = pathlib.Path(folder) / "disk"
        if not mount(disk):
            return ["simulated"]
        unmount(disk)
        return ["simulated", "mounted"]


@pytest.fixture(params=disks())
def full_disk(request, tmp_path, monkeypatch):
    """Return a folder where the second snapshot does not fit, and a function that makes room."""
    disk = tmp_path / "disk"
    if request.param == "simulated":
        filling(monkeypatch, [10**9, 3000])
        yield disk, monkeypatch.undo
    else:
        assert mount(disk)
        larger = ["mount", "-o", "remount,size=4m", str(disk)]
        yield disk, lambda: subprocess.run(larger, check=True)
        unmount(disk)


def wide():
    layers = [keras.layers.Dense(4096, "tanh"), keras.layers.Dense(2, "softmax")]
    return compiled(keras.Sequential([keras.Input((3,)), *layers]))


@pytest.mark.short("torch")
def test_goes_on_where_the_disk_is_full(full_disk, tmp_path):
    disk, make_room = full_disk
    training = Training(make=wide, save_freq="epoch", crash=(3, 0))
    through = training.run(tmp_path / "through")
    with complaints() as messages:
        training.crashed(disk)
    assert messages == [
        f"TrainingState cannot write to {disk / 'state' / 'fit-000'}: No space left on device. "
        "Training goes on without a new snapshot."
    ]
    assert [path.name for path in snapshots(disk)] == ["snapshot-00000000.npz"]
    make_room()
    resumed = training.resumed(disk)
    assert resumed.steps == through.steps - STEPS
    assert_same(resumed, through)


def refuse_to_write(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(archive, "open", refuse, raising=False)
    return "Permission denied"


def put_a_file_in_place_of_the_folder(folder, monkeypatch):
    folder.mkdir()
    (folder / "state").write_text("a file")
    return "Not a directory"


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    "fault",
    full_on_torch([refuse_to_write, put_a_file_in_place_of_the_folder], keep=(refuse_to_write,)),
)
def test_goes_on_where_the_directory_cannot_be_written(fault, tmp_path, monkeypatch):
    through = TRAINING.run(tmp_path / "through")
    folder = tmp_path / "fault"
    reason = fault(folder, monkeypatch)
    with complaints() as messages:
        trained = TRAINING.run(folder, TRAINING.state(folder))
    assert messages == [
        f"TrainingState cannot write to {folder / 'state' / 'fit-000'}: {reason}. "
        "Training goes on without a new snapshot."
    ]
    assert_same(trained, through)


@pytest.mark.short("torch")
def test_removes_what_a_kill_left_half_written(left):
    place = left / "state" / "fit-000"
    (place / f"snapshot-00000002.npzabc{archive.UNFINISHED}").write_bytes(b"PK")
    (place / "notes.txt").write_text("the user's")
    TRAINING.resumed(left)
    assert [path.name for path in snapshots(left)] == [
        "notes.txt",
        "snapshot-00000002.npz",
        "snapshot-00000003.npz",
    ]


def exactly(state):
    """Return nested state as a text that tells any difference."""

    def shown(array):
        return [str(array.dtype), array.shape, array.tobytes().hex()]

    return json.dumps(state, default=shown)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.host
def test_tells_a_flipped_bit_in_every_byte_of_a_file(tmp_path):
    path = tmp_path / "state.npz"
    state = {
        "weights": [np.arange(60, dtype="float32"), np.ones((2, 3), ml_dtypes.bfloat16)],
        "epoch": 3,
        "pair": (1.5, None),
    }
    archive.write(str(path), state)
    content = path.read_bytes()
    draw = random.Random(1)
    refused = 0
    for position in range(len(content)):
        path.write_bytes(flipped(content, 8 * position + draw.randrange(8)))
        try:
            assert exactly(archive.read(str(path))) == exactly(state)
        except archive.DamagedError:
            refused += 1
    # The others lie in what readers of zip files pass over, such as the time.
    assert refused > 0.7 * len(content)


def test_tells_a_shape_that_has_become_smaller(tmp_path):
    """A member holds nothing behind the part that is read."""
    path = tmp_path / "state.npz"
    archive.write(str(path), np.arange(60000))
    content = path.read_bytes()
    bit = 8 * (content.index(b"(60000,)") + 1) + 2
    path.write_bytes(flipped(content, bit))
    assert b"(20000,)" in path.read_bytes()
    with pytest.raises(archive.DamagedError, match="bytes for the shape"):
        archive.read(str(path))


def loaded(path):
    """Return the state that a folder gives, as a text, and the warnings."""
    with complaints() as messages:
        _, state = SnapshotFolder(str(path), 2).load()
    return exactly(state), messages


def damaged_copies(path):
    """Yield the content of a snapshot with one bit flipped, or cut off."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        directory = file.start_dir
    draw = random.Random(0)
    for _ in range(200):
        yield flipped(content, draw.randrange(8 * len(content)))
    for position in range(directory, len(content)):
        yield flipped(content, 8 * position + draw.randrange(8))
    for length in (0, 1, directory, len(content) - 1, *draw.sample(range(len(content)), 50)):
        yield content[:length]


@pytest.mark.short("torch")
def test_takes_the_snapshot_before_a_damaged_one_and_never_a_wrong_number(left):
    before, last = snapshots(left)
    sound = exactly(archive.read(str(last)))
    older = exactly(archive.read(str(before)))
    outcomes = []
    for content in list(damaged_copies(last)):
        last.write_bytes(content)
        state, messages = loaded(last.parent)
        outcomes.append((state == older, len(messages)))
        assert state == (older if messages else sound)
        for message in messages:
            assert message.startswith(f"TrainingState passes over a snapshot: {last} is damaged: ")
            assert message.endswith(". The one before is taken.")
    assert {(True, 1)} < set(outcomes) <= {(True, 1), (False, 0)}


@pytest.mark.short("torch")
def test_trains_on_from_the_snapshot_before_a_damaged_one(left, tmp_path):
    through = TRAINING.run(tmp_path / "through")
    before, last = snapshots(left)
    last.write_bytes(last.read_bytes()[:1000])
    with complaints() as messages:
        TRAINING.crashed(left)
    assert len(messages) == 1
    # The damaged one stays, and does not count among those that are kept.
    assert snapshots(left) == [before, last, last.with_name("snapshot-00000002.npz")]
    assert archive.read(str(before))["epoch"] == 1
    assert archive.read(str(snapshots(left)[2]))["epoch"] == 2
    resumed = TRAINING.resumed(left)
    assert resumed.steps == through.steps - 2 * STEPS
    assert_same(resumed, through)


@pytest.mark.short("torch")
def test_trains_anew_where_every_snapshot_is_damaged(left, tmp_path):
    through = TRAINING.run(tmp_path / "through")
    for path in snapshots(left):
        path.write_bytes(path.read_bytes()[:1000])
    with complaints() as messages:
        trained = TRAINING.resumed(left)
    assert [message.split(". ")[-1] for message in messages] == [
        "The one before is taken.",
        "There is none before it, and training begins anew.",
    ]
    assert trained.steps == through.steps
    assert_same(trained, through)


def other_layer():
    softmax = keras.layers.Dense(2, "softmax")
    return [keras.layers.Dense(4, "tanh"), softmax]


def other_width():
    return [keras.layers.Dense(5, "tanh"), layers.Dropout(0.3, seed=1), other_layer()[1]]


def other_rate():
    return [keras.layers.Dense(4, "tanh"), layers.Dropout(0.4, seed=1), other_layer()[1]]


OTHERS = {
    "layer": (
        other_layer,
        "adam",
        "configuration.layers is a list of 3 there and a list of 2 here",
    ),
    "width": (other_width, "adam", "configuration.layers[0].config.units is 4 there and 5 here"),
    "rate": (other_rate, "adam", "configuration.layers[1].config.rate is 0.3 there and 0.4 here"),
    "optimizer": (None, "sgd", "optimizers[0] is 'Adam' there and 'SGD' here"),
}


@pytest.mark.parametrize(("hidden", "optimizer", "difference"), OTHERS.values(), ids=OTHERS)
def test_refuses_a_snapshot_of_another_model_and_changes_nothing(
    hidden, optimizer, difference, left
):
    if hidden:
        model = compiled(keras.Sequential([keras.Input((3,)), *hidden()]), optimizer)
    else:
        model = network(optimizer)
    weights, files = [np.array(array(v)) for v in model.variables], contents(left)
    with pytest.raises(ValueError, match="snapshots of this model") as error:
        model.fit(**arrays(), verbose=0, callbacks=[TRAINING.state(left)])
    assert str(error.value) == (
        f"`directory` must hold snapshots of this model, or nothing: {difference}. "
        f"Received: directory={str(left / 'state')!r}"
    )
    assert contents(left) == files
    assert model._initial_epoch is None
    np.testing.assert_equal([array(v) for v in model.variables], weights)
    assert int(array(model.optimizer.iterations)) == 0
    assert model.fit(**arrays(), verbose=0).epoch == [0]


def test_refuses_a_snapshot_of_another_version(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(archive, "VERSION", 0)
        TRAINING.crashed(tmp_path)
    files = contents(tmp_path)
    last = snapshots(tmp_path)[-1]
    with pytest.raises(ValueError, match="was written in format") as error:
        TRAINING.resumed(tmp_path)
    assert str(error.value) == (
        f"{last} was written in format 0 of this package; this version reads format 1. Use the "
        "version that wrote it, or delete it to begin anew"
    )
    assert contents(tmp_path) == files


def test_ctrl_c_while_a_snapshot_is_written_leaves_the_last_one(tmp_path):
    through = TRAINING.run(tmp_path / "through")
    TRAINING.crashed(tmp_path / "crashed")
    files = contents(tmp_path / "crashed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            TRAINING.resumed(tmp_path / "crashed")
    assert contents(tmp_path / "crashed") == files
    forget_fits()
    assert_same(TRAINING.resumed(tmp_path / "crashed"), through)


def interrupted(*_):
    raise KeyboardInterrupt


# Of what cannot be read now nothing is deleted, and no training begins anew.


def unreachable(path, mode):
    raise OSError(errno.ESTALE, "Stale file handle", str(path))


@pytest.mark.short("torch")
@pytest.mark.parametrize("reads", ["the files", "the folder"])
def test_a_snapshot_that_cannot_be_read_now_is_an_error_that_names_the_reason(
    reads, left, monkeypatch
):
    files = contents(left)
    model = network()
    weights = model.get_weights()
    with monkeypatch.context() as away:
        if reads == "the files":
            away.setattr(archive, "open", unreachable, raising=False)
        else:
            away.setattr(os, "listdir", lambda path: unreachable(path, "r"))
        with pytest.raises(OSError, match="Stale file handle") as error:
            model.fit(**arrays(), epochs=4, verbose=0, callbacks=[TRAINING.state(left)])
    place = snapshots(left)[-1] if reads == "the files" else left / "state" / "fit-000"
    assert (error.value.errno, error.value.filename) == (errno.ESTALE, str(place))
    assert contents(left) == files
    for mine, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, before)
    assert TRAINING.resumed(left).callbacks[0].epochs == [2, 3]


@pytest.mark.short("torch")
def test_another_user_may_read_what_the_umask_lets_him(left):
    before = os.umask(0o027)
    try:
        TRAINING.resumed(left)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in snapshots(left)} == {0o640}


@pytest.mark.short("torch")
def test_makes_room_on_a_full_disk_by_keeping_one_snapshot_only(tmp_path, monkeypatch):
    """There is room for two: with `keep=2` a third one never fits while two are there."""
    training = Training(save_freq="epoch", epochs=6, crash=(5, None))
    written = []

    def opened(path, mode):
        file = pathlib.Path(path).open(mode)  # noqa: SIM115
        if "x" not in mode:
            return file
        others = [p for p in snapshots(tmp_path) if p.suffix == ".npz"]
        written.append(len(others))
        return Filling(file, 10**9 if len(others) < 2 else 3000)

    monkeypatch.setattr(archive, "open", opened, raising=False)
    with complaints() as messages:
        training.crashed(tmp_path, keep=2)
    assert messages == []
    assert archive.read(str(snapshots(tmp_path)[-1]))["epoch"] == 5
    assert max(written) == 2
    monkeypatch.undo()
    assert training.resumed(tmp_path).callbacks[0].epochs == [5]


@pytest.mark.short("torch")
def test_keeps_the_newest_where_not_even_a_second_one_fits(tmp_path, monkeypatch):
    filling(monkeypatch, [10**9, 10**9, 3000])
    with complaints() as messages:
        Training(save_freq="epoch", epochs=6).run(tmp_path, TRAINING.state(tmp_path))
    assert len(messages) == 1
    assert [archive.read(str(path))["epoch"] for path in snapshots(tmp_path)] == [2]


@pytest.mark.short("torch")
def test_another_error_than_a_full_disk_costs_no_snapshot(left, monkeypatch):
    before = contents(left)

    def broken(path, mode):
        if "x" in mode:
            raise OSError(errno.EIO, "Input/output error")
        return pathlib.Path(path).open(mode)

    monkeypatch.setattr(archive, "open", broken, raising=False)
    with complaints() as messages:
        TRAINING.resumed(left)
    assert len(messages) == 1
    assert contents(left) == before


@pytest.mark.short("torch")
def test_warns_again_when_writing_fails_again_after_it_has_worked(tmp_path, monkeypatch):
    folder = SnapshotFolder(str(tmp_path / "fit-000"), 2)
    said = []
    for room in (10**9, 10, 10, 10**9, 10, 10, 10**9):
        with monkeypatch.context() as patch, complaints() as messages:
            filling(patch, [room])
            folder.save({"weights": [np.zeros(99)]})
        said.append(len(messages))
    assert said == [0, 1, 0, 0, 1, 0, 0]


@pytest.mark.short("torch")
def test_a_damaged_snapshot_is_left_for_whoever_can_mend_it(left):
    before, last = snapshots(left)
    content = last.read_bytes()
    last.write_bytes(content[:1000])
    with complaints():
        TRAINING.resumed(left)
    assert last.read_bytes() == content[:1000]
    assert not before.exists()  # It was sound, and there are `keep` newer ones.
