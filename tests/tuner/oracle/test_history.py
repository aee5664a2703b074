"""What the sampler is told of trials that have finished, failed, or run elsewhere."""

import optuna
import pytest
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial

from keras_trainkit.tuner._oracle import history
from keras_trainkit.tuner._oracle.distributions import parameters
from tests.tuner.oracle.spaces import conditional, every_kind

pytestmark = pytest.mark.host


def trial(score=None, status="COMPLETED", values=None):
    space = conditional()
    space.values = values or {"optimizer": "adam", "rate": 1e-3}
    made = Trial(space, "0", status)
    made.score = score
    return made


CONDITIONAL = parameters(conditional())
FAILED, RUNNING = trial(status="FAILED"), trial(status="RUNNING")


@pytest.mark.parametrize(
    ("direction", "trials", "expected"),
    [
        ("min", [trial(1.0), FAILED, trial(3.0), RUNNING], [1.0, 5.0, 3.0, 3.0]),
        ("max", [trial(1.0), FAILED, trial(3.0), RUNNING], [1.0, -1.0, 3.0, 1.0]),
        ("min", [trial(2.0), FAILED], [2.0, 4.0]),
        ("max", [trial(0.0), FAILED, RUNNING], [0.0, -1.0, 0.0]),
        # As KerasTuner's own oracles leave them.
        ("min", [trial(1.0), trial(float("inf")), trial(2.0)], [1.0, 3.0, 2.0]),
        ("max", [trial(1.0), trial(float("nan")), trial(2.0)], [1.0, 0.0, 2.0]),
    ],
)
def test_failures_are_worse_than_the_worst(direction, trials, expected):
    assert history.values_told(trials, direction) == expected


def test_nothing_is_told_before_there_is_a_score():
    assert history.values_told([FAILED, RUNNING], "min") == [None, None]
    sampler = history.random_sampler(1)
    assert history.study([FAILED, RUNNING], CONDITIONAL, "min", sampler).trials == []


def test_a_study_holds_the_active_parameters_of_each_trial():
    sgd = {"optimizer": "sgd", "rate": 0.1, "momentum": True, "strength": 0.9}
    trials = [trial(1.0), trial(2.0, values=sgd)]
    study = history.study(trials, CONDITIONAL, "max", history.random_sampler(1))
    assert [each.params for each in study.trials] == [{"optimizer": "adam", "rate (2)": 1e-3}, sgd]
    assert [each.value for each in study.trials] == [1.0, 2.0]
    assert study.direction.name == "MAXIMIZE"


def test_a_hyperparameter_that_a_trial_did_not_know_is_left_out():
    study = history.study([trial(1.0)], parameters(every_kind()), "min", history.random_sampler(1))
    assert [each.params for each in study.trials] == [{}]


def test_a_name_that_is_active_twice_is_told_once():
    twice = HyperParameters()
    twice.Float("rate", 0, 1)
    twice.Choice("optimizer", ["sgd", "adam"])
    with twice.conditional_scope("optimizer", ["adam"]):
        twice.Float("rate", 1, 2)
    study = history.study([trial(1.0)], parameters(twice), "min", history.random_sampler(1))
    assert [each.params for each in study.trials] == [{"optimizer": "adam", "rate": 1e-3}]


@pytest.mark.parametrize(
    "sampler", [history.random_sampler, lambda seed: history.tpe_sampler(seed, 2)]
)
def test_one_seed_gives_one_proposal(sampler):
    sgd = {"optimizer": "sgd", "rate": 0.1, "momentum": True, "strength": 0.9}
    trials = [trial(1.0), trial(2.0, values=sgd), trial(0.5), FAILED]

    def proposed(seed):
        study = history.study(trials, CONDITIONAL, "min", sampler(seed))
        return history.proposal(study.ask(), CONDITIONAL)

    assert proposed(3) == proposed(3)
    assert len({str(proposed(seed)) for seed in range(10)}) == 10


def test_the_estimator_keeps_away_from_failures():
    """Half of the space fails; what is proposed there is less than a fifth."""
    trials = []
    for i in range(16):
        rate = 10 ** (-4 + 2 * (i + 0.5) / 16)
        values = {"optimizer": "adam", "rate": rate}
        trials.append(trial(rate, values=values) if i < 8 else trial(None, "FAILED", values))
    rates = []
    for seed in range(40):
        sampler = history.tpe_sampler(seed, 8)
        study = history.study(trials, CONDITIONAL, "min", sampler)
        proposal = history.proposal(study.ask(), CONDITIONAL)
        rates += [proposal["rate"]] if proposal["optimizer"] == "adam" else []
    assert len(rates) > 20
    assert sum(rate > 1e-3 for rate in rates) < len(rates) / 5


def test_optuna_says_nothing_of_these_studies_and_goes_on_to_speak_of_others(caplog):
    history.study([], CONDITIONAL, "min", history.random_sampler(1))
    assert caplog.messages == []
    optuna.create_study(study_name="another")
    assert caplog.messages == ["A new study created in memory with name: another"]
