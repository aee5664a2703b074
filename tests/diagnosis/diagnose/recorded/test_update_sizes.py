import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Activations, OptimizerFacts, SignalFacts, TrialFacts
from keras_trainkit.diagnosis._diagnose.recorded import update_sizes as rules
from tests.diagnosis.trainings import STEPS, case, classifier, found

pytestmark = pytest.mark.host

CHANCE, GOOD = {"accuracy": np.full(6, 0.5)}, {"accuracy": np.full(6, 0.98)}


def test_steps_that_replace_the_weights_are_too_long():
    finding = found(rules.too_high, case(columns={"update_norm": 1.0}, **CHANCE))
    assert finding.severity == "error"
    measured, lower, _ = finding.remedies
    assert measured.code.splitlines()[1] == "found = find_learning_rate(model, x, y, batch_size=32)"
    assert lower.code.startswith("model.compile(keras.optimizers.SGD(learning_rate=0.001), loss=")
    assert lower.change == {"kind": "compile", "learning_rate": 0.001}


def test_weights_that_grow_tenfold_were_moved_too_far():
    weights = np.full((STEPS, 6), 2.0)
    weights[5:] = 60.0
    finding = found(rules.too_high, case(columns={"weight_norm": weights}, **CHANCE))
    assert finding.severity == "error"


def test_weights_that_grow_tenfold_in_small_steps_were_not():
    weights = np.geomspace(2.0, 60.0, STEPS)[:, None] * np.ones(6)
    moves = 0.05 * weights
    given = case(columns={"weight_norm": weights, "update_norm": moves}, **CHANCE)
    assert not found(rules.too_high, given)
    moves[30] = weights[30]
    given = case(columns={"weight_norm": weights, "update_norm": moves}, **CHANCE)
    assert found(rules.too_high, given)


def dying(before, after, grown):
    signals = tuple(SignalFacts(f"model/dense_{i}", 1.0, dead=before) for i in range(3))
    facts = dataclasses.replace(classifier(), trial=TrialFacts(8, signals=signals))
    table = np.full((1, 3, 5), np.nan)
    table[0, :2, 3] = after
    probe = Activations([5], [f"model/dense_{i}" for i in range(3)], ["relu"] * 3, table)
    weights = np.linspace(2.0, 2.0 * grown, STEPS)[:, None] * np.ones(6)
    return case(facts, {"weight_norm": weights}, activations=probe, accuracy=np.full(6, 0.6))


def test_units_that_die_while_the_weights_grow_were_thrown_out_of_reach():
    finding = found(rules.too_high, dying(before=0.2, after=0.9, grown=3.0))
    assert finding.severity == "warning"
    assert finding.text.endswith("Most units of a layer died in the training.")
    for other in (dying(0.9, 0.9, 3.0), dying(0.2, 0.6, 3.0), dying(0.2, 0.9, 1.0)):
        assert not found(rules.too_high, other)


@pytest.mark.parametrize(
    "given",
    [
        case(columns={"update_norm": 1.0}, **GOOD),
        case(columns={"update_norm": 0.1}, **CHANCE),
        case(columns={"update_norm": 1.0}, loss=np.linspace(1, 0.5, 6), accuracy=np.full(6, 0.6)),
    ],
)
def test_long_steps_that_do_no_harm_are_not(given):
    assert not found(rules.too_high, given)


def test_weights_that_stay_where_they_began_need_a_higher_rate():
    finding = found(rules.too_low, case(columns={"update_norm": 2e-6}, **CHANCE))
    assert finding.severity == "error"
    assert finding.remedies[1].change == {"kind": "compile", "learning_rate": 1.0}


@pytest.mark.parametrize(
    "given",
    [
        case(columns={"update_norm": 2e-6}, **GOOD),
        case(**CHANCE),
        case(columns={"update_norm": 0.0, "norm": 0.0}, **CHANCE),
    ],
)
def test_short_steps_are_no_fault_of_a_training_that_works_or_has_no_gradient(given):
    assert not found(rules.too_low, given)


STILL = {"loss": np.full(6, 0.7), "accuracy": np.full(6, 0.7)}


def at_rest(rate, baseline, logs=None, **optimizer):
    kind = OptimizerFacts("Adam", rate, adaptive=True, **optimizer)
    facts = dataclasses.replace(classifier(), optimizer=kind, curved_skill=baseline)
    return list(rules.too_high_to_settle(case(facts, **(STILL if logs is None else logs))))


def test_a_loss_that_rests_far_from_what_is_there_at_a_high_rate():
    (finding,) = at_rest(0.1, 0.9)
    assert (finding.name, finding.severity) == ("learning_rate_too_high", "warning")
    assert "100 times as high" in finding.text
    assert "learning_rate=0.001" in finding.remedies[-1].code


@pytest.mark.parametrize(
    "given",
    [
        at_rest(0.02, 0.9),
        at_rest(0.1, 0.4),
        at_rest(0.1, np.nan, STILL | {"accuracy": np.full(6, 0.8)}),
        at_rest(0.1, 0.95, STILL | GOOD),
        at_rest(0.1, 0.9, STILL | {"loss": np.geomspace(2, 0.2, 6)}),
        at_rest(0.1, 0.9, scheduled=True),
    ],
)
def test_a_high_rate_is_not_at_fault_otherwise(given):
    assert given == []
