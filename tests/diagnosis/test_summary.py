import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Thresholds, summarize
from keras_trainkit.diagnosis.summary import fitted, variable_names
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
-----------------------------------------------------------------------------------
Verdict: nothing that is wrong was found."""


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
    assert (row.nonfinite, row.note) == (3, "non-finite since step 0")


def test_notes_name_their_limit():
    summary = summarize(history(layers=6, decay=0.12))
    assert [row.note for row in summary.rows][::2] == ["vanishing", "", "", "", "", ""]
    assert "median |g| < 1.0e-04, the smaller of 0.0001 and 0.001 of the largest" in str(summary)
    assert not any(row.note for row in summarize(history(layers=6), Thresholds(1e-6)).rows)


def test_small_gradients_everywhere_are_not_vanishing():
    record = with_values(history(), "norm", 1e-6)
    assert not any(row.note for row in summarize(record).rows)


def test_zero_gradient_is_noted():
    record = with_values(history(layers=1), "norm", [0.0, 1.0])
    assert [row.note for row in summarize(record).rows] == ["zero", ""]


def test_what_no_gradient_reaches_comes_first_and_the_rest_stays_in_order():
    norms = np.ones((10, 6))
    norms[:, 5], norms[4:, 3] = 0.0, 0.0
    record = with_values(history(layers=3), "norm", norms)
    lines = str(summarize(with_values(record, "nonfinite", [0, 0, 0, 0, 1, 0]))).splitlines()
    names = ["dense_2/bias", "dense_2/kernel", "dense_1/bias", "dense_0/kernel"]
    assert [line.split()[0] for line in lines[4:8]] == names
    assert [line.split(" 0  ")[-1] for line in (lines[4], lines[6])] == [
        "zero",
        "dead since step 4",
    ]
    assert "zero: no gradient ever reached this variable" in lines[11]


@pytest.mark.parametrize("norms", [[1, 1, 1, 0, 0], [1, 0, 0, 0, 1], [1, 0, np.nan, 0, np.nan]])
def test_gradients_that_pause_are_not_dead(norms):
    record = with_values(history(layers=1, steps=5), "norm", np.column_stack([norms, [1.0] * 5]))
    assert not any(row.note for row in summarize(record).rows)


def test_gradients_that_end_are_dead_also_where_steps_leave_the_variable_out():
    norms = [1, np.nan, 0, np.nan, 0, np.nan, 0]
    record = with_values(history(layers=1, steps=7), "norm", np.column_stack([norms, [1.0] * 7]))
    assert [row.note for row in summarize(record).rows] == ["dead since step 2", ""]


@pytest.mark.parametrize("share", [-1e-8, 0.0, -0.0])
def test_no_share_is_a_negative_zero(share):
    table = str(summarize(with_values(history(), "zero_fraction", share)))
    assert " 0.0 %" in table
    assert "-0.0" not in table


def test_many_variables_are_shown_by_layer_and_all_of_them_on_request():
    record = history(layers=50, decay=1.0)
    norms = np.ones((10, 100))
    norms[:, [90, 91]], norms[:, 61], norms[5:, 81] = 0.0, 0.0, 0.0
    summary = summarize(with_values(record, "norm", norms))
    lines = str(summary).splitlines()
    assert [line.split()[0] for line in lines[4:8]] == [
        "dense_30",
        "dense_45",
        "dense_40",
        "dense_0",
    ]
    notes = ["zero (1 of 2)", "zero", "dead since step 5 (1 of 2)"]
    assert [line.split(" 0  ")[-1] for line in lines[4:7]] == notes
    assert lines[-3] == "... and 20 more layers; each variable: print(summary.in_full())"
    assert lines[-2].startswith("Verdict: nothing that is wrong was found; worth a look: ")
    assert lines[-1].startswith("Next: nothing has to be done; what may help: ")
    assert len(lines) == 4 + 30 + 1 + 2 + 3
    full = summary.in_full().splitlines()
    assert [line.split()[0] for line in full[4:7]] == [
        "dense_30/bias",
        "dense_45/kernel",
        "dense_45/bias",
    ]
    assert len(full) == 4 + 100 + 1 + 2 + 2
    assert max(map(len, lines[1:])) < 100


def test_numbers_of_a_layer_are_those_of_its_variables_together():
    record = with_values(history(layers=1), "norm", [3.0, 4.0])
    record = with_values(record, "zero_fraction", [0.5, 0.1])
    record = with_values(record, "max_abs", [2.0, 1.0])
    (layer,) = summarize(record).layers
    assert (layer.variable, layer.size, layer.mean_norm) == ("model/dense_0", 8, 5.0)
    assert (layer.max_abs, layer.update_ratio) == (2.0, pytest.approx(1e-3))
    assert layer.zero_fraction == pytest.approx((6 * 0.5 + 2 * 0.1) / 8)


def test_long_names_lose_their_middle_unless_two_became_one():
    deep = "net/encoder/transformer_layer_0/self_attention_layer/attention_output"
    other = deep.replace("layer_0", "layer_1")
    record = dataclasses.replace(
        with_values(history(layers=1), "norm", 1.0), variables=(f"{deep}/kernel", "out/kernel")
    )
    names = fitted(variable_names(summarize(record).rows))
    assert names == ["encoder/../attention_output/kernel", "out/kernel"]
    assert fitted([deep, other]) == [deep, other]
    two = [f"encoder_block_of_the_transformer_{i}/feed_forward_intermediate" for i in range(3)]
    assert fitted(two) == [f"encoder_..former_{i}/feed_for..rmediate" for i in range(3)]


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
    assert above_the_verdict(record)[-5:] == list(map(str, events[:5]))
    lines = above_the_verdict(dataclasses.replace(record, events=events))
    assert lines[-2:] == [str(events[4]), "... and 2 more events"]


def above_the_verdict(record):
    lines = str(summarize(record)).splitlines()
    return lines[: [line.startswith("Verdict: ") for line in lines].index(True)]


def test_one_explosion_hides_no_other_layer():
    norms = np.ones((10, 6))
    norms[1, 0:4], norms[:, 4:] = 1e16, 1e-6
    notes = [row.note for row in summarize(with_values(history(), "norm", norms)).rows]
    assert notes[::2] == ["exploded at step 1", "", "vanishing"]


def test_what_is_dead_after_an_explosion_says_both():
    norms = np.ones((10, 6))
    norms[1], norms[2:, 0:2] = 1e16, 1e-9
    norms[2:, 2] = 0.0
    rows = summarize(with_values(history(), "norm", norms)).rows
    assert [row.note for row in rows[:3]] == [
        "exploded at step 1, dead since step 2",
        "exploded at step 1, dead since step 2",
        "dead since step 2",
    ]


def test_the_verdict_names_what_is_wrong_and_the_next_step():
    moves = with_values(history(steps=60), "update_norm", 2.0)
    record = dataclasses.replace(moves, logs={"loss": np.array([1.0, 3.0, 2.0, 4.0])})
    lines = summarize(record).verdict
    assert lines[0].startswith("Verdict: learning rate too high. One of the first steps changed")
    assert "Next: measure which learning rate fits:" in lines
    assert lines[-1] == "    model.optimizer.learning_rate = found.suggestion"
    assert str(summarize(record)).endswith("\n".join(lines))
    assert summarize(record).in_full().endswith("\n".join(lines))
