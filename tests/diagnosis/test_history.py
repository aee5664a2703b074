import numpy as np
import pytest

from keras_trainkit.diagnosis import STATISTICS, History
from tests.diagnosis.samples import history, with_values


def test_file_holds_everything_at_exactly_its_path(tmp_path):
    record = history()
    record.save(tmp_path / "run")
    loaded = History.load(tmp_path / "run")
    assert loaded.variables == record.variables
    for name in ("steps", "epochs", "sizes", "table"):
        mine, theirs = getattr(loaded, name), getattr(record, name)
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    assert loaded.logs.keys() == record.logs.keys()
    np.testing.assert_array_equal(loaded.logs["loss"], record.logs["loss"])


def test_file_without_steps_can_be_read(tmp_path):
    History([], [], (), [], np.empty((0, 0, 8))).save(tmp_path / "empty")
    assert History.load(str(tmp_path / "empty")).variables == ()


def foreign(path):
    np.savez(path, steps=np.arange(3))


def array_file(path):
    with open(path, "wb") as file:
        np.save(file, np.arange(3))


def pickled(path):
    np.savez(path, format=np.array([{}], dtype=object))


def from_the_future(path):
    history().save(path)
    with np.load(path) as archive:
        content = dict(archive)
    np.savez(path, **{**content, "version": 2})


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
    [foreign, array_file, pickled, from_the_future, cut_off, bit_flipped, text, empty],
)
def test_damaged_or_foreign_file_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "run.npz"
    damage(path)
    with pytest.raises(ValueError, match=r"`path` must be an undamaged file written by History"):
        History.load(path)


def test_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        History.load(tmp_path / "none")


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"`table` must have shape .* = \(1, 1, 8\)"):
        History([0], [0], ("a",), [1], np.zeros((1, 1, 7)))
    with pytest.raises(ValueError, match="`epochs` must hold one number per step"):
        History([0], [0, 1], ("a",), [1], np.zeros((1, 1, 8)))


def test_repr_is_short():
    assert repr(history()) == "<History of 10 steps, 6 variables>"


def test_statistics_are_read_by_name():
    record = history()
    for column, name in enumerate(STATISTICS):
        np.testing.assert_array_equal(record[name], record.table[:, :, column])
    np.testing.assert_allclose(record["update_ratio"], 0.001)
    with pytest.raises(KeyError, match=r"`statistic` must be one of norm, .*'gradient'"):
        record["gradient"]


def test_update_ratio_of_zero_weights_is_undefined():
    record = with_values(history(), "weight_norm", 0.0)
    assert np.isnan(record["update_ratio"]).all()


def test_norms_add_up_over_layers_and_over_everything():
    record = with_values(history(layers=2), "norm", [3.0, 4.0, 5.0, 12.0])
    assert record.layers == ("model/dense_0", "model/dense_1")
    np.testing.assert_allclose(record.by_layer("norm"), [[5.0, 13.0]] * 10)
    np.testing.assert_allclose(record.global_norm, np.sqrt(25 + 169))


def test_layer_ratio_is_of_the_layer_norms():
    record = with_values(history(layers=1), "weight_norm", [0.0, 1.0])
    np.testing.assert_allclose(record.by_layer("update_ratio"), np.sqrt(2) * 0.002)


def test_infinite_norm_stays_and_absent_variable_adds_nothing():
    record = with_values(history(layers=2), "norm", [np.inf, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(record.by_layer("norm"), [[np.inf, 2.0]] * 10)
    record = with_values(history(layers=1), "norm", [np.nan, np.nan])
    assert np.isnan(record.global_norm).all()


def test_large_norms_do_not_overflow():
    record = with_values(history(layers=1), "norm", [3e38, 3e38])
    np.testing.assert_allclose(record.global_norm, 3e38 * np.sqrt(2))
