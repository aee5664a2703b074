"""State in a file: the same comes back, or one error that says whose fault it is."""

import errno
import io
import itertools
import json
import os
import tracemalloc
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from keras_trainkit import _archive as archive
from keras_trainkit import _npz_members
from tests.diagnosis.samples import full_history
from tests.file_stand_in import FileStandIn
from tests.fuzz_files.honest import exactly, load

pytestmark = pytest.mark.host

STATE = {"weights": [np.arange(6, dtype="float32").reshape(2, 3), np.ones(5)], "epoch": 3}
CUSTOM = sorted(
    name
    for name, kind in vars(ml_dtypes).items()
    if isinstance(kind, type) and issubclass(kind, np.generic)
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.npz")


def assert_comes_back(state, path, compressed=False):
    archive.write(path, state, compressed=compressed)
    assert exactly(archive.read(path, compressed=compressed)) == exactly(state)


def arrays():
    numbers = np.arange(24).reshape(2, 3, 4)
    yield from (numbers.astype(kind) for kind in "?bBhHiIlLqQefdgFDG")
    yield from (
        numbers,
        np.asfortranarray(numbers),
        numbers.T,
        numbers[:, ::-1, ::2],
        numbers[0, 0],
    )
    yield from (np.array(1.5), np.empty((3, 0, 2)), np.empty(0), np.empty((0, 2), order="F"))
    yield from (np.array(["a", "bcd", "ü\0x"]), np.array([b"ab", b"c"]), np.array(""))
    yield from (np.arange(3, dtype=">f4"), np.arange(3, dtype=">u2"), np.array(["a"], ">U4"))
    yield from (np.array(["2020-02-03", "NaT"], "M8[D]"), np.arange(3).astype("m8[25s]"))
    yield np.array([np.nan, -0.0, np.inf, np.frombuffer(b"\x01" * 7 + b"\x7f")[0]])


@pytest.mark.parametrize("compressed", [False, True])
def test_every_kind_of_array_comes_back_bit_for_bit(compressed, path):
    assert_comes_back(list(arrays()), path, compressed)


@pytest.mark.parametrize("name", CUSTOM)
def test_types_that_numpy_does_not_know_come_back(name, path):
    # One bit with a sign has no 1.
    last = -1 if name == "int1" else 1
    numbers = np.array([0, last], "float32").astype(getattr(ml_dtypes, name))
    assert_comes_back([numbers, numbers.reshape(1, 2), numbers[0:0], numbers[1, ...]], path)


def test_the_last_byte_of_an_array_counts_whatever_the_size_of_a_piece(path):
    piece = _npz_members._PIECE
    for size in (piece - 1, piece, 2 * piece):
        assert_comes_back(np.full(size, 7, "uint8"), path)
        content = Path(path).read_bytes()
        last = content.rindex(b"\7\7\7") + 2
        Path(path).write_bytes(content[:last] + b"\6" + content[last + 1 :])
        with pytest.raises(archive.DamagedError, match=r"Bad CRC-32"):
            archive.read(path)


def test_names_that_mean_something_in_the_file_may_be_keys(path):
    marks = ("__array__", "__tuple__", "__pairs__")
    assert_comes_back([{mark: [1, (2,)]} for mark in marks], path)
    assert_comes_back({mark: {1: 2} for mark in marks}, path)


def test_numbers_and_keys_of_all_kinds_come_back(path):
    assert_comes_back(
        {1.5: 10**300, None: float("nan"), True: -0.0, (1, "a"): "\ud800", 7: ()}, path
    )


def holding_itself():
    state = []
    state.append(state)
    return state


@pytest.mark.parametrize(
    "state",
    [
        object(),
        np.array([None]),
        np.zeros(2, "f4,f4"),
        np.zeros(2, "V4"),
        np.zeros(2, [("a", "U0")])["a"],
        holding_itself(),
    ],
    ids=["object", "objects", "records", "bytes", "empty text", "itself"],
)
def test_what_could_not_be_read_is_not_written(state, path):
    for refuse in (archive.check, lambda state: archive.write(path, state)):
        with pytest.raises(TypeError, match=r"cannot be saved$"):
            refuse({"state": [state]})
    assert not os.path.exists(path)


class Refusing(FileStandIn):
    """A file whose disk refuses the call of this number."""

    def __init__(self, file, number, code):
        super().__init__(file)
        self.left, self.code = number, code

    def read(self, *arguments):
        return self.tried(self.file.read, *arguments)

    def seek(self, *arguments):
        return self.tried(self.file.seek, *arguments)

    def tried(self, method, *arguments):
        self.left -= 1
        if self.left == 0:
            raise OSError(self.code, os.strerror(self.code))
        return method(*arguments)


def found_in(read, path):
    """Return what is read, or the error of the disk: its number and the file that it names."""
    try:
        return exactly(read(path))
    except OSError as error:
        return error.errno, error.filename


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("read", [archive.read, load])
def test_what_the_disk_refuses_is_its_own_error_and_no_damage(read, code, path, monkeypatch):
    if read is load:
        full_history(layers=1, steps=2).save(path)
    else:
        archive.write(path, STATE)
    sound, found = found_in(read, path), []
    calls = itertools.count(1)

    def opened(path, mode):
        files.append(Refusing(io.FileIO(path), next(calls), code))
        return files[-1]

    files = []
    monkeypatch.setattr(archive, "open", opened, raising=False)
    while not files or files[-1].left <= 0:
        found.append(found_in(read, path))
    # The last call of all was refused nothing; `zipfile` needs one of the others for huge files.
    assert [result for result in found if result != (code, path)] == [sound] * 2
    assert len(found) > 20


def test_a_missing_file_is_missing(path):
    with pytest.raises(FileNotFoundError, match=r"state\.npz"):
        archive.read(path)


def test_a_folder_is_no_damaged_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        archive.read(str(tmp_path))


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_is_not_the_fault_of_the_file_comes_out_as_it_is(error, path, monkeypatch):
    archive.write(path, STATE)

    def fail(*_):
        raise error

    monkeypatch.setattr(_npz_members.np, "empty", fail)
    with pytest.raises(error):
        archive.read(path)


def test_any_other_error_is_damage(path, monkeypatch):
    archive.write(path, STATE)
    for error in (AssertionError("so"), StopIteration("so"), OverflowError("so"), OSError("so")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(_npz_members.np, "empty", fail)
        with pytest.raises(archive.DamagedError) as caught:
            archive.read(path)
        assert str(caught.value) == f"{path} is damaged: so"


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def craft(path, state, members=(), method=zipfile.ZIP_STORED, **head):
    """Write a file that is sound as a zip file, with this tree and these members."""
    text = state if isinstance(state, str) else json.dumps(state)
    start = json.dumps({"format": archive.STATE, "version": archive.VERSION, **head})[:-1]
    tree = f'{start}, "state": {text}}}'
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in dict(members).items():
            file.writestr(name, content)
        file.writestr("tree.npy", npy(np.frombuffer(tree.encode(), "uint8")))


def refers(name="0.npy", dtype="float64", **facts):
    return {"__array__": name, "dtype": dtype, **facts}


ONES = npy(np.ones(3))
BYTES = npy(np.ones(4, "uint32"))


def test_a_file_without_a_list_of_its_members_can_be_read(path):
    craft(path, [refers(), 1], {"0.npy": ONES})
    assert exactly(archive.read(path)) == exactly([np.ones(3), 1])


@pytest.mark.parametrize(
    ("state", "members", "reason"),
    [
        ([refers(), refers()], {"0.npy": ONES}, "refers to it twice"),
        ([refers("1.npy")], {"0.npy": ONES}, "it has no '1.npy'"),
        (refers(size=1), {"0.npy": ONES}, "not the member that was written"),
        (refers(crc32=1), {"0.npy": ONES}, "not the member that was written"),
        ({"__array__": "0.npy"}, {"0.npy": ONES}, "it has no 'dtype'"),
        ({"__array__": ["0.npy"], "dtype": ""}, {"0.npy": ONES}, "unhashable"),
        (refers(dtype="float32"), {"0.npy": ONES}, "is none of 'float32'"),
        (refers(dtype="object"), {"0.npy": ONES}, "is none of 'object'"),
        (refers(dtype="finfo"), {"0.npy": BYTES}, "is none of 'finfo'"),
        (refers(dtype="bfloat16"), {"0.npy": BYTES}, "is none of 'bfloat16'"),
        (refers(dtype="void32"), {"0.npy": BYTES}, "is none of 'void32'"),
        (refers(dtype=7), {"0.npy": BYTES}, "attribute name must be string"),
        (refers(), {"0.npy": b""}, "is no array"),
        (refers(), {"0.npy": b"x" * 200}, "is no array"),
        (refers(), {"0.npy": ONES[:90]}, "has no header of an array"),
        (refers(), {"0.npy": ONES[:-1]}, "has 23 bytes for the shape"),
        (refers(), {"0.npy": ONES + b"\0"}, "has 25 bytes for the shape"),
        (refers(), {"0.npy": ONES.replace(b"'<f8'", b"'|O8'")}, "is an array of"),
        (refers(), {"0.npy": ONES.replace(b"(3,)", b"---")}, "has no header of an array"),
        ("[" * 5000 + "]" * 5000, {}, "recursion"),
        ('{"a":' * 5000 + "1" + "}" * 5000, {}, "recursion"),
        ("9" * 5000, {}, "integer string conversion"),
        ("[1", {}, "delimiter"),
        ({"__pairs__": [[1, 2, 3]]}, {}, "length 3; 2 is required"),
        ({"__pairs__": [[[], 1]]}, {}, "unhashable"),
        ({"__tuple__": 1}, {}, "not iterable"),
    ],
)
def test_a_sound_zip_file_of_nonsense_is_damaged(state, members, reason, path):
    craft(path, state, members)
    with pytest.raises(archive.DamagedError) as caught:
        archive.read(path)
    assert str(caught.value).startswith(f"{path} is damaged: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_are_compressed_only_where_that_is_expected(method, path):
    craft(path, refers(), {"0.npy": ONES}, method=method)
    with pytest.raises(archive.DamagedError, match="is compressed by method"):
        archive.read(path)
    if method != zipfile.ZIP_DEFLATED:
        with pytest.raises(archive.DamagedError, match="is compressed by method"):
            archive.read(path, compressed=True)


def test_two_members_of_one_name_are_damage(path):
    craft(path, refers(), {"0.npy": ONES})
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("0.npy", npy(np.zeros(3)))
    with pytest.raises(archive.DamagedError, match="two of its members have one name"):
        archive.read(path)


def test_members_that_were_exchanged_are_told(path):
    archive.write(path, [np.zeros(3), np.ones(3)])
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["0.npy"], members["1.npy"] = members["1.npy"], members["0.npy"]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(archive.DamagedError, match=r"0\.npy is not the member that was written"):
        archive.read(path)


def test_what_the_file_is_comes_before_what_it_holds(path):
    craft(path, refers(), {"0.npy": b"nonsense"}, format="other")
    with pytest.raises(archive.DamagedError, match=r"damaged: its format is other$"):
        archive.read(path)
    craft(path, refers(), {"0.npy": b"nonsense"}, version=99)
    with pytest.raises(archive.WrongVersionError, match="was written in format 99") as caught:
        archive.read(path)
    assert str(caught.value).startswith(path)


def peak(read, path):
    """Return the most memory that was taken, and what was read or raised."""
    tracemalloc.start()
    try:
        found = read(path)
    except archive.DamagedError as error:
        found = error
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most, found


def test_reading_takes_little_more_memory_than_the_arrays(path):
    archive.write(path, [np.ones(1 << 20), np.ones(3)])
    most, found = peak(archive.read, path)
    assert len(found[0]) == 1 << 20
    assert most < (8 << 20) + (1 << 20)


@pytest.mark.parametrize(
    ("state", "size", "claim"),
    [
        (1, 1 << 23, b"(8388608,)"),
        (refers(dtype="uint8"), 99, b"(99999999999,)"),
        (refers(dtype="uint8"), 99, b"(4294967296, 4294967296)"),
        (refers(dtype="uint8", size=9), 1 << 23, b"(8388608,)"),
    ],
)
def test_memory_is_taken_for_what_is_asked_for_and_can_be_there_only(state, size, claim, path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n" % claim
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    craft(path, state, {"0.npy": start + header + bytes(size)}, zipfile.ZIP_DEFLATED)
    most, found = peak(lambda path: archive.read(path, compressed=True), path)
    assert found == 1 or isinstance(found, archive.DamagedError)
    assert most < 1 << 20


@pytest.mark.parametrize("place", [18, 22])
def test_a_size_that_no_file_can_have_takes_no_memory(place, path):
    archive.write(path, [np.zeros(3)], compressed=True)
    content = bytearray(Path(path).read_bytes())
    entry = content.index(b"PK\x01\x02") + place + 2
    content[entry : entry + 4] = (1 << 30).to_bytes(4, "little")
    Path(path).write_bytes(content)
    most, found = peak(lambda path: archive.read(path, compressed=True), path)
    assert isinstance(found, archive.DamagedError)
    assert most < 1 << 20
