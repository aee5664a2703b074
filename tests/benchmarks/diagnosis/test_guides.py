import numpy as np
import pytest

from benchmarks.diagnosis.guides import report
from benchmarks.diagnosis.guides.dense_outputs import _coded, _shapes
from benchmarks.diagnosis.guides.guide import Guide
from benchmarks.diagnosis.guides.guides import GUIDES, KINDS
from benchmarks.diagnosis.guides.running import Outcome
from keras_trainkit.diagnosis.finding import Evidence, Finding

pytestmark = pytest.mark.host

GUIDE = Guide("a guide", 0.9, lambda: None)
ALARM = Finding(
    "dead_units", "warning", "Half of it is off.", evidence=(Evidence("share", 0.6, 0.5),)
).to_dict()
MILD = ALARM | {"severity": "info"}


def test_there_are_some_twenty_guides_of_several_kinds_each_with_a_goal():
    assert len(GUIDES) >= 20
    assert len({guide.name for guide in GUIDES}) == len(GUIDES)
    assert all(kind.GUIDES for kind in KINDS)
    assert all(0 < guide.goal < 1 for guide in GUIDES)


@pytest.mark.parametrize(
    ("score", "before", "after", "works", "is_silent"),
    [
        (0.95, [], [MILD], True, True),
        (0.9, [ALARM], [], True, False),
        (0.8, [], [MILD, ALARM], False, False),
    ],
)
def test_a_guide_works_at_its_goal_and_is_silent_without_alarms(
    score, before, after, works, is_silent
):
    outcome = Outcome(GUIDE, score, before, after, 1.0)
    assert (outcome.works, outcome.is_silent) == (works, is_silent)


def test_the_report_counts_and_shows_alarms_in_full():
    quiet, loud = Outcome(GUIDE, 0.95, [], [MILD], 1.0), Outcome(GUIDE, 0.5, [], [ALARM], 1.0)
    assert report.line(quiet).endswith("- / -")
    assert "0.500!" in report.line(loud)
    assert report.line(loud).endswith("- / dead_units")
    end = list(report.end([quiet, loud]))
    assert "1 of    2" in end[0]
    assert "1 of    2" in end[1]
    assert end[2] == "\na guide, diagnosis: warning dead_units at -"
    assert end[4] == "    share 0.6 (limit 0.5)"
    assert len(end) == 5


def test_generated_data_says_what_its_guide_needs():
    x, y = _shapes(rows=4)
    assert x.shape == (4, 32, 32, 3)
    assert set(np.unique(y)) == {0, 1, 2}
    coded = _coded(["12+3 ", "0+9  "])
    assert coded.shape == (2, 5, 12)
    assert np.all(coded.sum(-1) == 1)
