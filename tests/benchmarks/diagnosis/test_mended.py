"""Remedies that are carried out as they are printed."""

import numpy as np
import pytest

from benchmarks.diagnosis.carried_out import Script
from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.mended import Outcome, first, line, listed
from benchmarks.diagnosis.recipes import HOUSES, MOONS
from keras_trainkit.diagnosis import Diagnosis, Finding, Remedy

pytestmark = pytest.mark.host

CASE = Case("moons", MOONS)
HEAD = {"kind": "layer", "path": "sequential/dense_2", "config": {"activation": "tanh"}}
RATE = {"kind": "compile", "learning_rate": 0.5}
COMPILED = 'model.compile(keras.optimizers.Adam(learning_rate={}), "{}", metrics=["accuracy"])'


def script(*remedies, case=CASE):
    return Script(case, 0, remedies)


def test_the_cases_are_spread_over_the_conditions_and_always_the_same():
    cases = listed("tuned", 23)
    again = listed("tuned", 99)[:23]
    assert [case.name for case in cases] == [case.name for case in again]
    assert len({case.condition for case in cases}) >= 20
    assert not {case.name for case in cases} & {case.name for case in listed("reported", 999)}


def test_layers_are_changed_if_they_are_the_printed_ones():
    mended = script(Remedy("", 'keras.layers.Dense(1, activation="tanh")', HEAD))
    assert mended.names["model"].layers[-1].activation.__name__ == "tanh"
    with pytest.raises(ValueError, match="`apply` makes no such layer"):
        script(Remedy("", 'keras.layers.Dense(2, activation="tanh")', HEAD))
    with pytest.raises(ValueError, match="a person has to say where it belongs"):
        script(Remedy("", "keras.layers.BatchNormalization()"))


def test_the_printed_compile_must_be_what_is_applied():
    mended = script(Remedy("", COMPILED.format(0.5, MOONS.loss), RATE))
    assert float(mended.names["model"].optimizer.learning_rate) == 0.5
    with pytest.raises(ValueError, match="`apply` compiles otherwise"):
        script(Remedy("", COMPILED.format(0.4, MOONS.loss), RATE))


def test_arguments_of_fit_and_code_for_data():
    code = "model.fit(x, y, validation_data=(x_val, y_val), epochs=7)"
    mended = script(Remedy("", code), Remedy("", "x = 2 * x\nx_val = 2 * x_val"))
    assert (mended.fit_arguments["epochs"], mended.fit_arguments["batch_size"]) == (7, 32)
    given = script()
    for name in ("x", "x_val"):
        np.testing.assert_array_equal(mended.names[name], 2 * given.names[name])
    assert mended.all_arguments()["validation_data"][0] is mended.names["x_val"]


def test_rows_to_judge_by_follow_the_inputs_and_the_printed_prediction():
    case = Case("houses", HOUSES)
    scaled = Remedy("", "y = y / 2\ny_val = y_val / 2\n# predicted = 2 * model.predict(x)")
    mended = script(scaled, case=case)
    assert mended.predicted == "2 * model.predict(x)"
    np.testing.assert_array_equal(mended.truth, script(case=case).truth)
    mixed = Remedy("", "x_val, y_val = x_val[::-1], y_val[::-1]")
    np.testing.assert_array_equal(script(mixed, case=case).truth, mended.truth[::-1])


def test_the_first_finding_is_one_above_info():
    mild = Finding("overfitting", "info", "")
    grave, other = (Finding("no_learning", severity, "") for severity in ("warning", "error"))
    assert first(Diagnosis((mild,)), Diagnosis((grave,))) is grave
    assert first(Diagnosis((other,)), Diagnosis((grave,))) is other
    assert first(Diagnosis((mild,)), Diagnosis()) is mild
    assert first(Diagnosis(), Diagnosis()) is None


@pytest.mark.parametrize(("remedied", "verdict"), [(0.96, "yes"), (0.94, "NO")])
def test_a_line_tells_whether_the_goal_is_reached(remedied, verdict):
    remedy = Remedy("a sigmoid", "")
    finding = Finding("no_learning", "error", "", remedies=(remedy,))
    told = line(Outcome(CASE, ((finding, remedy),), 0.5, remedied, 0.97)).splitlines()
    assert told[0].split() == ["moons", "0.50", f"{remedied:.2f}", "0.97", "0.95", verdict]
    assert told[1] == "    no_learning: a sigmoid"
