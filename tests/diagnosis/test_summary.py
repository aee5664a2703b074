import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Thresholds, summarize
from tests.diagnosis.samples import event, history, with_values

pytestmark = pytest.mark.host

TABLE = """\
Gradients of 4 variables over 10 steps, epochs 1-2; global norm 1.42e+00 at first, 1.42e+00 at last
-----------------------------------------------------------------------------------
variable        size  mean |g|  max |g_i|   zeros    update  non-finite
-----------------------------------------------------------------------------------
dense_0/kernel     6  1.00e-01   5.00e-02  25.0 %  1.00e-03           0
dense_0/bias       2  1.00e-01   5.00e-02  25.0 %  1.00e-03           0
dense_1/kernel     6  1.00e+00   5.00e-01  25.0 %  1.00e-03           0
dense_1/bias       2  1.00e+00   5.00e-01  25.0 %  1.00e-03           0
-----------------------------------------------------------------------------------"""


def test_table_is_aligned_and_short():
    summary = summarize(history(layers=2))
    lines = str(summary).splitlines()
    assert [line for line in lines if not line.startswith("---")] == [
        line for line in TABLE.splitlines() if not line.startswith("---")
    ]
    assert repr(summary) == str(summary)


def test_rows_hold_the_numbers_of_the_finite_steps():
    norms = np.ones((10, 2))
    norms[0, 0], norms[1, 0] = np.inf, 5.0
    record = with_values(history(layers=1), "norm", norms)
    nonfinite = np.zeros((10, 2))
    nonfinite[0, 0] = 3
    updates = np.full((10, 2), 0.002)
    updates[4] = 2.0
    record = with_values(record, "update_norm", updates)
    row = summarize(with_values(record, "nonfinite", nonfinite)).rows[0]
    assert row.variable == "model/dense_0/kernel"
    assert row.size == 6
    assert row.mean_norm == pytest.approx((5 + 8) / 9)
    assert row.update_ratio == pytest.approx(0.001)
    assert (row.nonfinite, row.note) == (3, "non-finite")


def test_notes_name_their_limit():
    summary = summarize(history(layers=6, decay=0.12))
    assert [row.note for row in summary.rows][::2] == ["vanishing", "", "", "", "", ""]
    assert "mean |g| < 1.0e-04, the smaller of 0.0001 and 0.001 of the largest" in str(summary)
    assert not any(row.note for row in summarize(history(layers=6), Thresholds(1e-6)).rows)


def test_small_gradients_everywhere_are_not_vanishing():
    record = with_values(history(), "norm", 1e-6)
    assert not any(row.note for row in summarize(record).rows)


def test_zero_gradient_is_noted():
    record = with_values(history(layers=1), "norm", [0.0, 1.0])
    assert [row.note for row in summarize(record).rows] == ["zero", ""]


@pytest.mark.parametrize("name", ["vanishing_norm", "vanishing_share"])
def test_thresholds_must_be_positive(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a number > 0"):
        Thresholds(**{name: 0})


def test_what_was_not_recorded_is_a_dash():
    record = history(layers=1, steps=2)
    for name in ("max_abs", "mean", "std", "zero_fraction"):
        record = with_values(record, name, np.nan)
    for name in ("norm", "nonfinite", "update_norm"):
        record = with_values(record, name, np.column_stack((record[name][:, 0], [np.nan] * 2)))
    lines = str(summarize(record)).splitlines()
    assert lines[4].split() == ["dense_0/kernel", "6", "1.00e+00", "-", "-", "1.00e-03", "0"]
    assert lines[5].split() == ["dense_0/bias", "2", "-", "-", "-", "-", "-"]
    assert "nan" not in str(summarize(with_values(record, "norm", np.nan)))


NOISE_SCALE = "noise scale 1,500 examples, the batch size beyond which larger batches hardly help"


@pytest.mark.parametrize(
    ("signal", "clipped", "line"),
    [
        (2.0, 0.5, f"{NOISE_SCALE}; 100.0 % of the steps clipped"),
        (2.0, np.nan, NOISE_SCALE),
        (-1.0, np.nan, "noise scale too large to measure: consecutive gradients disagree"),
        (np.nan, 0.5, "100.0 % of the steps clipped"),
        (2.0, 1.0, NOISE_SCALE),
    ],
)
def test_noise_scale_and_clipping_are_the_second_line_when_known(signal, clipped, line):
    record = with_values(history(layers=1), "clipped_norm", clipped)
    record = dataclasses.replace(record, signal=np.full(10, signal), noise=np.full(10, 3000.0))
    lines = str(summarize(record)).splitlines()
    assert lines[1] == line
    assert lines[2].startswith("---")


def test_first_events_stand_below_the_table():
    events = [event(step=step, since=step - 1) for step in range(7)]
    record = dataclasses.replace(history(layers=1), events=events[:5])
    assert str(summarize(record)).splitlines()[-5:] == list(map(str, events[:5]))
    lines = str(summarize(dataclasses.replace(record, events=events))).splitlines()
    assert lines[-2:] == [str(events[4]), "... and 2 more events"]
