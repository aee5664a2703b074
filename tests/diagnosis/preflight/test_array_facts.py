import math
import time

import keras
import numpy as np
import pytest

from keras_trainkit.diagnosis._preflight import array_facts as module
from keras_trainkit.diagnosis._preflight.array_facts import array_facts

pytestmark = pytest.mark.short("torch")

ROWS = np.random.default_rng(0).permutation(60)


def of(array):
    return array_facts("x", array)


def test_numbers_of_columns():
    facts = of(np.array([[3.0, 0.0, 1.0], [4.0, 0.0, 1.0]]))
    assert (facts.name, facts.shape, facts.dtype, facts.seen) == ("x", (2, 3), "float64", 2)
    assert (facts.low, facts.high, facts.mean) == (0.0, 4.0, 1.5)
    assert facts.std == pytest.approx(np.std([3, 4, 0, 0, 1, 1]))
    assert facts.scales == pytest.approx((0.0, 1.0, math.sqrt(12.5)))
    assert (facts.largest, facts.constant, facts.columns) == (0, 2, 3)
    assert facts.whole
    assert facts.distinct == 4


def test_what_is_not_finite_is_counted_and_left_out():
    facts = of(np.array([[1.0, np.nan], [3.0, np.inf], [5.0, 2.0]], "float32"))
    assert (facts.nonfinite, facts.low, facts.high) == (2, 1.0, 5.0)
    assert facts.mean == pytest.approx(11 / 4)
    assert facts.scales == pytest.approx((2.0, (2 + math.sqrt(35 / 3)) / 2, math.sqrt(35 / 3)))
    assert facts.constant == 1


@pytest.mark.parametrize("array", [np.full((3, 2), np.nan), np.zeros((0, 2)), np.zeros((3, 0))])
def test_nothing_finite_leaves_the_numbers_unknown(array):
    facts = of(array)
    assert math.isnan(facts.mean)
    assert facts.nonfinite == (6 if array.size else 0)
    assert facts.classes == {}
    assert not facts.whole


@pytest.mark.parametrize("shape", [(60,), (60, 1)])
def test_labels_are_classes(shape):
    facts = of(np.repeat([0, 1, 5], [30, 20, 10])[ROWS].reshape(shape))
    assert facts.classes == pytest.approx({0.0: 1 / 2, 1.0: 1 / 3, 5.0: 1 / 6})
    assert facts.whole
    assert not any((facts.binary, facts.one_hot, facts.sums_to_one, facts.ordered))


def test_labels_as_floats_are_classes_and_fractions_are_none():
    assert of(np.array([0.0, 1.0, 1.0])).classes == pytest.approx({0.0: 1 / 3, 1.0: 2 / 3})
    assert of(np.array([0.0, 0.5, 1.0])).classes == {}


def test_one_hot_rows_are_classes():
    facts = of(np.eye(4)[np.repeat([0, 2], [15, 45])[ROWS]])
    assert facts.classes == {0.0: 0.25, 2.0: 0.75}
    assert facts.one_hot
    assert facts.binary
    assert facts.sums_to_one


def test_several_labels_of_a_row_are_binary_alone():
    facts = of(np.array([[1, 1, 0], [0, 0, 0]]))
    assert facts.binary
    assert not any((facts.one_hot, facts.sums_to_one, facts.classes))


def test_soft_labels_sum_to_one():
    rows = np.array([[0.2, 0.8], [0.9, 0.1]], "float16")
    assert of(rows).sums_to_one
    assert not of(rows).one_hot
    assert not of(rows - 0.1).sums_to_one
    assert not of(np.array([[-1.0, 2.0]])).sums_to_one
    assert not of(np.ones((5, 1))).sums_to_one


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        ([1, 1, 0, 0], True),
        ([1, 0, 1, 0], False),
        ([0, 0, 1, 1, 0, 0], False),
        ([0, 0, 0], False),
        ([0, 1, 2, 3], False),  # No block has a second row.
    ],
)
def test_classes_in_blocks_are_ordered(labels, ordered):
    assert of(np.array(labels)).ordered == ordered
    one_hot = of(np.eye(5)[labels])
    assert one_hot.ordered == ordered


def test_more_classes_than_are_kept():
    assert len(of(np.arange(1000)).classes) == 1000
    many = of(np.arange(1001))
    assert (many.classes, many.distinct) == ({}, 1001)
    assert of(np.arange(5000)).distinct == 1001


def test_distinct_values_beyond_the_first_are_counted():
    values = np.zeros(30_000)
    values[25_000:] = np.arange(5000) % 7
    assert of(values).distinct == 7


@pytest.mark.parametrize("order", ["sorted", "alternating"])
def test_a_sample_of_many_rows_has_all_classes(order, monkeypatch):
    monkeypatch.setattr(module, "VALUES", 1000)
    labels = np.repeat(np.arange(10), 2000) if order == "sorted" else np.arange(20_000) % 10
    facts = of(labels)
    assert facts.shape == (20_000,)
    assert facts.seen <= 1000
    assert list(facts.classes) == list(range(10))
    assert max(facts.classes.values()) < 0.15
    assert facts.ordered == (order == "sorted")


def test_all_rows_are_searched_for_what_is_not_finite(monkeypatch):
    monkeypatch.setattr(module, "VALUES", 1000)
    rows = np.ones((20_000, 2))
    rows[777] = np.nan
    assert of(rows).nonfinite == 2
    assert of(rows).seen <= 500


def test_images_take_well_under_a_second():
    images = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28)).astype("uint8")
    begin = time.perf_counter()
    facts = of(images)
    assert time.perf_counter() - begin < 0.5
    assert facts.shape == (60_000, 28, 28)
    assert (facts.low, facts.high, facts.distinct) == (0.0, 255.0, 256)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float64"])
def test_every_type_of_number(kind):
    facts = of(np.array([0, 1, 1], kind))
    assert facts.dtype == kind
    assert facts.binary
    assert facts.mean == pytest.approx(2 / 3)


def test_numbers_in_objects_are_numbers_and_texts_are_none():
    assert of(np.array([1, 2], object)).mean == 1.5
    texts = of(np.array([["a"], ["b"]], object))
    assert (texts.shape, texts.seen) == ((2, 1), 2)
    assert math.isnan(texts.mean)
    assert math.isnan(of(np.array(["a", "b"])).high)


class Frame:
    """Behaves like a frame of pandas, as far as rows go."""

    def __init__(self, values):
        self.values = values
        self.shape = values.shape
        self.iloc = self

    def __getitem__(self, rows):
        return Frame(self.values[rows])

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_frames_are_read_by_their_rows(monkeypatch):
    monkeypatch.setattr(module, "VALUES", 100)
    facts = of(Frame(np.arange(2000.0).reshape(1000, 2)))
    assert (facts.shape, facts.dtype) == ((1000, 2), "float64")
    assert facts.seen <= 50
    assert (facts.low, facts.high) == (0.0, 1999.0)


class Sparse:
    shape = (3, 4)
    dtype = np.dtype("float32")

    def tocsr(self):
        raise AssertionError("was turned into another form")


def test_sparse_matrices_are_not_looked_at():
    facts = of(Sparse())
    assert (facts.shape, facts.dtype, facts.seen) == ((3, 4), "float32", 0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_tensors_are_read(dtype):
    facts = of(keras.ops.convert_to_tensor([[1, 2], [1, 5]], dtype))
    assert (facts.dtype, facts.high, facts.constant) == (dtype, 5.0, 1)
