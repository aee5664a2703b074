import json

import pytest

from benchmarks.diagnosis import report, scoring
from benchmarks.diagnosis.case import Case, fault
from benchmarks.diagnosis.recipes import MOONS
from benchmarks.diagnosis.scoring import Run
from keras_trainkit.diagnosis.finding import Finding

pytestmark = pytest.mark.host

HEAD = fault("softmax_one_unit", output="softmax")
RATE = fault("learning_rate_too_low|too_few_updates")
BROKEN = Case("broken", MOONS, (HEAD, RATE), is_static=True)
SLOW = Case("slow", MOONS, (RATE,))
HEALTHY = Case("healthy", MOONS)


def found(condition, detail="", severity="error", consequences=()):
    return Finding(condition, severity, "", detail, consequences=consequences).to_dict()


SOFTMAX = found("wrong_output_activation", "softmax_one_unit")
RELU = found("wrong_output_activation", "relu_output")
LOW = found("learning_rate_too_low")
SLIGHT = found("overfitting", severity="info")


def test_a_detail_counts_only_as_itself_and_a_condition_as_all_of_its_details():
    assert scoring.bears(SOFTMAX, frozenset({"softmax_one_unit"}))
    assert not scoring.bears(RELU, frozenset({"softmax_one_unit"}))
    assert scoring.bears(RELU, frozenset({"wrong_output_activation"}))
    assert not scoring.bears(found("wrong_output_activation"), frozenset({"softmax_one_unit"}))


def test_the_first_finding_above_info_must_be_a_fault():
    assert scoring.is_first_right(BROKEN, [SOFTMAX, RELU])
    assert scoring.is_first_right(BROKEN, [LOW])
    assert not scoring.is_first_right(BROKEN, [RELU, SOFTMAX])
    assert scoring.is_first_right(BROKEN, [SLIGHT, SOFTMAX])
    assert not scoring.is_first_right(BROKEN, [SLIGHT])
    assert not scoring.is_first_right(BROKEN, [])


def test_faults_beneath_another_finding_are_found_unless_they_are_info():
    cause = Finding("learning_rate_too_low", "error", "")
    mild = Finding("learning_rate_too_low", "info", "")
    for beneath, expected in ((cause, 2), (mild, 1)):
        head = found("wrong_output_activation", "softmax_one_unit", consequences=(beneath,))
        run = Run(BROKEN, 0, diagnosis=[head])
        assert scoring.faults_found([run]) == (expected, 2)
        assert scoring.runs_with_all_faults([run]) == (expected - 1, 1)


def test_alarms_on_healthy_runs_are_counted_before_and_after_the_training():
    quiet, before, after = (
        Run(HEALTHY, 0, diagnosis=[SLIGHT]),
        Run(HEALTHY, 1, preflight=[LOW]),
        Run(HEALTHY, 2, diagnosis=[LOW]),
    )
    broken = Run(BROKEN, 0, diagnosis=[LOW])
    assert scoring.healthy_with_alarm([quiet, before, after, broken]) == (2, 3)
    assert scoring.first_right([quiet, before, after, broken]) == (1, 1)


def test_static_cases_are_judged_by_preflight_alone():
    runs = [Run(BROKEN, 0, preflight=[SOFTMAX]), Run(BROKEN, 1, diagnosis=[SOFTMAX])]
    assert scoring.static_by_preflight([*runs, Run(SLOW, 0, preflight=[LOW])]) == (1, 2)


@pytest.mark.parametrize(
    ("detected", "updates", "is_early"),
    [(50, 100, True), (51, 100, False), (200, 1000, True), (201, 1000, False), (None, 9, False)],
)
def test_early_is_a_fifth_of_the_updates_or_fifty(detected, updates, is_early):
    run = Run(SLOW, 0, detected=detected, updates=updates)
    assert scoring.early([run, Run(BROKEN, 0)]) == (is_early, 1)


def test_recall_counts_faults_and_precision_root_causes():
    runs = [
        Run(BROKEN, 0, diagnosis=[SOFTMAX, RELU]),
        Run(SLOW, 0, diagnosis=[LOW]),
        Run(HEALTHY, 0, diagnosis=[SOFTMAX]),
    ]
    assert scoring.recall(runs, "wrong_output_activation") == (1, 1)
    assert scoring.recall(runs, "learning_rate_too_low") == (1, 2)
    assert scoring.precision(runs, "wrong_output_activation") == (1, 3)
    assert scoring.precision(runs) == (2, 4)


def test_detection_is_a_median_of_shares():
    runs = [Run(SLOW, seed, detected=10 * seed, updates=100) for seed in (1, 2, 9)]
    assert scoring.found_at(runs, "learning_rate_too_low") == pytest.approx(0.2)


def test_tables_name_every_condition_and_what_was_missed():
    runs = [Run(BROKEN, 0, [RELU], [RELU]), Run(HEALTHY, 0)]
    text = "\n".join(report.lines(runs))
    assert "dependent_examples" in text
    (line,) = report.misses(runs)
    assert "before: relu_output  after: relu_output  not found: softmax_one_unit" in line


def test_agreement_is_the_share_of_findings_that_all_files_have(tmp_path):
    paths = [tmp_path / name for name in ("torch.json", "jax.json")]
    report.keep([Run(SLOW, 0, diagnosis=[LOW, SLIGHT])], "torch", paths[0])
    report.keep([Run(SLOW, 0, diagnosis=[LOW, RELU])], "jax", paths[1])
    assert report.agreement(paths) == (1, 2)
    assert json.loads(paths[0].read_text())["backend"] == "torch"
