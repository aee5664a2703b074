import pytest

from benchmarks.diagnosis.broken import cases as broken_cases
from benchmarks.diagnosis.case import CONDITION_OF, fault
from benchmarks.diagnosis.published import programs, table
from benchmarks.diagnosis.published.program import published
from benchmarks.diagnosis.recipes import MOONS
from benchmarks.diagnosis.scoring import Run
from keras_trainkit.diagnosis.finding import Finding

pytestmark = pytest.mark.host

PROGRAMS = programs()


def test_there_are_twenty_programs_of_twenty_threads():
    assert len(PROGRAMS) == 20
    assert len({each.address for each in PROGRAMS}) == 20
    assert len({each.title for each in PROGRAMS}) == 20
    assert all(each.address.startswith("https://") for each in PROGRAMS)
    assert all(each.asked and each.otherwise for each in PROGRAMS)


def test_no_program_has_the_name_of_another_or_of_a_case():
    names = {each.name for each in PROGRAMS}
    assert len(names) == 20
    assert not names & {case.name for case in broken_cases()}


def test_a_quarter_of_the_programs_has_several_faults():
    assert all(each.case.faults for each in PROGRAMS)
    assert sum(len(each.case.faults) > 1 for each in PROGRAMS) >= 5


def test_every_fault_changes_something_and_has_known_names():
    for each in PROGRAMS:
        assert all(one.changes for one in each.case.faults), each.name
        assert all(one.names <= set(CONDITION_OF) for one in each.case.faults), each.name


def test_a_row_says_what_comes_first_and_whether_it_is_right():
    case = published("moons", "", "", "", "", MOONS, HEAD, RATE).case
    blind, right = Run(case, 0), Run(case, 0, preflight=[LOW], diagnosis=[SOFTMAX, LOW])
    faults = "softmax_one_unit, learning_rate_too_low"
    assert table.cells(blind) == ["moons", faults, "-", "-", "no", "no"]
    named = ["learning_rate_too_low", "softmax_one_unit", "yes", "yes"]
    assert table.cells(right) == ["moons", faults, *named]
    assert table.cells(Run(case, 0, diagnosis=[LOW]))[-2:] == ["yes", "no"]
    assert "   1 of    2" in next(table.totals([blind, right]))


HEAD = fault("softmax_one_unit", output="softmax")
RATE = fault("learning_rate_too_low")
SOFTMAX = Finding("wrong_output_activation", "error", "", "softmax_one_unit").to_dict()
LOW = Finding("learning_rate_too_low", "error", "").to_dict()
