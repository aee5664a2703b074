"""Which rules may speak while a training runs."""

import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Facts, diagnose
from keras_trainkit.diagnosis._diagnose.recorded import rules, too_short
from keras_trainkit.diagnosis._diagnose.recorded.stages import is_stuck, speaking
from keras_trainkit.diagnosis._diagnose.recorded.update_sizes import too_low
from keras_trainkit.diagnosis.diagnose import diagnose_so_far
from tests.diagnosis.trainings import case, classifier, found

pytestmark = pytest.mark.host

FLAT = np.full(6, 0.693)


def running(planned=20, loss=FLAT, **fields):
    """Return the case of a training of two classes, of which the first epochs are over."""
    facts = fields.pop("facts", classifier(epochs=planned))
    return dataclasses.replace(case(facts, loss=loss, **fields), is_running=True)


def test_what_is_done_is_told_by_the_epochs():
    given = running(planned=24)
    assert (given.share_done, given.is_over) == (0.25, False)
    assert dataclasses.replace(given, is_running=False).is_over
    assert running(planned=6).is_over
    assert (running(facts=Facts()).share_done, running(facts=Facts()).is_over) == (1.0, True)


def test_a_long_record_has_forgotten_epochs_and_not_how_many_there_were():
    given = running(planned=20)
    given.history.logs["epoch"] = np.array([0, 2, 4, 6, 8, 9])
    assert given.share_done == 0.5


def test_all_rules_speak_at_the_end_and_each_has_its_stage():
    assert speaking(running(planned=6)) == rules.RULES
    stages = (*rules.AT_ONCE, *rules.IF_STUCK, *rules.AT_THE_END)
    assert sorted(map(id, stages)) == sorted(map(id, rules.RULES))
    early = speaking(running(planned=100))
    assert early == rules.AT_ONCE
    late = speaking(running(planned=20))
    assert set(late) == {*rules.AT_ONCE, *rules.IF_STUCK}
    assert too_short.slow_convergence not in late


@pytest.mark.parametrize(
    ("accuracy", "stuck"),
    [
        (np.full(6, 0.5), True),
        (0.5 + 0.02 * np.sin(np.arange(6)), True),
        (np.linspace(0.5, 0.6, 6), False),
        ([0.5, 0.5, 0.5, 0.51, 0.53, 0.56], False),
        (np.full(6, 0.8), False),
        ([0.5, 0.7, 0.7, 0.7, 0.7, 0.7], True),
        (np.full(6, np.nan), True),
    ],
)
def test_a_training_whose_skill_does_not_rise_is_stuck(accuracy, stuck):
    assert is_stuck(running(accuracy=accuracy)) is stuck


@pytest.mark.parametrize(
    ("loss", "stuck"),
    [
        (FLAT, True),
        (np.linspace(1.0, 0.8, 6), False),
        (np.linspace(1.0, 0.99, 6), True),
        ([1.0, 0.9, 0.9, 0.9, 0.9, 0.9], True),
        ([1.0, 0.9, np.nan, np.nan, np.nan, np.nan], True),
        ([1.0], False),
    ],
)
def test_where_no_skill_is_known_the_loss_tells(loss, stuck):
    facts = dataclasses.replace(Facts(), plan=classifier(epochs=6 * len(loss) - 5).plan)
    facts = dataclasses.replace(facts, plan=dataclasses.replace(facts.plan, epochs=4 * len(loss)))
    assert is_stuck(running(facts=facts, loss=loss)) is stuck


def test_steps_are_too_short_if_they_are_at_the_end_of_the_plan():
    columns = {"weight_norm": 1.0, "update_norm": 1.2e-4}
    assert found(too_low, running(planned=8, columns=columns))
    assert not found(too_low, running(planned=30, columns=columns))


def test_what_only_the_end_shows_waits_for_it():
    rests = {"loss": [1.0, 0.66, 0.65, 0.65, 0.65, 0.65], "accuracy": np.full(6, 0.6)}
    history = running(**rests).history
    assert "underfitting" in [finding.condition for finding in diagnose(history)]
    assert "underfitting" not in [finding.condition for finding in diagnose_so_far(history)]
