import numpy as np
import pytest

from keras_trainkit.diagnosis import OUTCOME_STATISTICS, Outcomes
from keras_trainkit.diagnosis.outcomes import outcome, skill

pytestmark = pytest.mark.host

CLASSES = np.array([0, 0, 0, 1, 2, 1])


def one_hot(classes, right=1.0, count=3):
    return right * np.eye(count)[classes]


def test_statistics_are_read_by_name():
    table = np.random.default_rng(0).random((2, 1, 5)).astype("float32")
    outcomes = Outcomes([0, 4], ["out"], table)
    for index, name in enumerate(OUTCOME_STATISTICS):
        np.testing.assert_array_equal(outcomes[name], table[:, :, index])
    assert repr(outcomes) == "<Outcomes of 1 outputs in 2 epochs>"
    with pytest.raises(KeyError, match="`statistic` must be one of low, high"):
        outcomes["norm"]
    with pytest.raises(ValueError, match=r"`table.shape` must be"):
        Outcomes([0], ["out"], table)


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (one_hot(CLASSES), CLASSES, 1.0),
        (one_hot(CLASSES), CLASSES[:, None], 1.0),
        (one_hot(CLASSES), one_hot(CLASSES), 1.0),
        (one_hot(np.zeros(6, int)), CLASSES, 0.0),
        (one_hot(np.array([0, 0, 0, 1, 2, 2])), CLASSES, (5 / 6 - 1 / 2) / (1 / 2)),
        (np.array([[0.9], [0.2]]), np.array([1, 0]), 1.0),
        (np.array([[2.0], [-0.1]]), np.array([1, 0]), 1.0),
        (np.array([[0.4], [0.2]]), np.array([1, 0]), 0.0),
        (np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [4.0]]), 1 - 3 / 14),
        (np.full((3, 1), 7 / 3), np.array([1.0, 2.0, 4.0]), 0.0),
        (np.ones((2, 1)), np.ones(2), np.nan),
        (np.ones((2, 5)), np.array([[0.5], [1.0]]), np.nan),
        (np.ones((2, 1)), np.array([np.nan, 1.0]), np.nan),
        (np.stack([one_hot(CLASSES)] * 2), np.stack([CLASSES] * 2), 1.0),
    ],
)
def test_skill_is_0_for_the_best_constant_and_1_for_the_target(output, target, expected):
    assert skill(output, target) == pytest.approx(expected, nan_ok=True)


def test_an_output_that_is_the_same_for_all_rows_has_no_spread():
    varied = np.random.default_rng(0).random((1, 4, 3))
    low, high, spread, target_spread, _ = outcome(np.repeat(varied, 8, axis=0), np.arange(8))
    assert (low, high) == (varied.min(), varied.max())
    assert spread == pytest.approx(0.0, abs=1e-12)
    assert target_spread == pytest.approx(np.arange(8).std())
    assert np.isnan(outcome(varied)[3:]).all()
    assert np.isnan(outcome(np.empty((0, 2)))).all()
