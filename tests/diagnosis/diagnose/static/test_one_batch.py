"""What rows learned by heart say: a rate that does not suit, suspicions that are wrong."""

import math
from dataclasses import replace

import pytest

from keras_trainkit.diagnosis import Facts, Finding, OneBatchFacts, PlanFacts
from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis._diagnose.static import one_batch
from keras_trainkit.diagnosis.diagnose import examined
from keras_trainkit.diagnosis.thresholds import Thresholds
from tests.diagnosis.made_facts import ADAM, BITS, NUMBERS, SGD, training

pytestmark = pytest.mark.host

NAN = math.nan
LEARNED = OneBatchFacts(32, 60, 0.01, 2.3, 0.1, 2.3, 1.0)
RISEN = OneBatchFacts(32, 60, 0.01, 2.3, 9.0, 12.0, 0.1)
STILL = OneBatchFacts(32, 60, 0.01, 2.3, 2.29, 2.3, 0.0)
LOST = OneBatchFacts(32, 60, 0.01, 2.3, NAN, NAN, 0.6)
LITTLE = OneBatchFacts(32, 60, 0.01, 2.3, 2.0, 2.3, 0.2)


def case_of(*tries, optimizer=ADAM, updates=200):
    plan = PlanFacts(batch_size=32, epochs=1, steps=updates)
    return Case(Facts(plan=plan, optimizer=optimizer, one_batch=tries), Thresholds())


def found(*tries, **given):
    case = case_of(*tries, **given)
    return [(f.name, f.severity) for rule in one_batch.RULES for f in rule(case)]


def at(one, rate):
    return replace(one, rate=rate)


def test_a_rate_is_too_high_if_a_lower_one_learns_the_rows():
    assert found(RISEN, at(LEARNED, 1e-3)) == [("learning_rate_too_high", "warning")]
    assert found(LOST, at(RISEN, 1e-3), at(LEARNED, 1e-4)) == [
        ("learning_rate_too_high", "warning")
    ]
    (finding,) = one_batch.another_rate(case_of(RISEN, at(LEARNED, 1e-3)))
    assert "from 2.3 to 9. With 0.001 it goes to 0.1." in finding.text
    assert "0.001" in finding.remedies[0].code


def test_a_rate_is_too_low_if_a_higher_one_learns_them_on_a_way_that_is_not_planned():
    low, well = at(STILL, 1e-4), at(LEARNED, 1e-2)
    assert found(low, well) == [("learning_rate_too_low", "warning")]
    assert found(low, well, optimizer=SGD) == [("learning_rate_too_low", "warning")]
    assert found(low, well, updates=60 * 100) == []
    assert found(low, well, updates=59) == []
    assert found(at(LITTLE, 1e-4), well) == []
    assert found(at(STILL, 1e-2), at(LEARNED, 1.0)) == []


@pytest.mark.parametrize(
    ("size", "updates", "names"),
    [(480, 285, ["unnormalized_target"]), (480, 3000, []), (2, 285, [])],
)
def test_targets_are_far_if_the_plan_is_a_small_part_of_the_way(size, updates, names):
    facts = training("linear", "mae", size + NUMBERS)
    slow = at(OneBatchFacts(32, 60, 0.01, 480.0, 470.0, 480.0, -1.0), 1e-2)
    plan = replace(facts.plan, epochs=1, steps=updates)
    facts = replace(facts, plan=plan, one_batch=(slow, at(LEARNED, 0.1)))
    assert [f.name for f in one_batch.far_targets(Case(facts, Thresholds()))] == names
    learned = replace(facts, one_batch=(LEARNED,))
    assert not list(one_batch.far_targets(Case(learned, Thresholds())))
    descent = replace(facts, optimizer=SGD)
    assert not list(one_batch.far_targets(Case(descent, Thresholds())))


def patient(one):
    return replace(one, updates=300)


def test_no_rate_learns_them():
    assert found(STILL, at(STILL, 0.1), patient(STILL)) == [("no_learning", "error")]
    assert found(LITTLE, at(STILL, 0.1), patient(LITTLE)) == [("underfitting", "warning")]
    assert found(STILL, at(STILL, 0.1), patient(LEARNED)) == []


@pytest.mark.parametrize(("hidden", "code"), [(("tanh",), "he_normal"), (("relu",), "print(x[:4]")])
def test_what_most_often_keeps_a_network_from_learning_is_changed_first(hidden, code):
    facts = training("sigmoid", "binary_crossentropy", BITS, hidden=hidden)
    facts = replace(facts, one_batch=(STILL, patient(STILL)))
    (finding,) = one_batch.not_by_heart(Case(facts, Thresholds()))
    assert code in finding.remedies[0].code


def test_a_loss_that_still_falls_towards_that_of_a_constant_is_on_its_way():
    far = OneBatchFacts(32, 60, 2.0, 2e5, 1e5, 2e5, -300.0)
    assert found(far, patient(replace(far, last=4e3, skill=-10.0))) == []
    assert found(far, patient(replace(far, last=1.99e5))) == [("no_learning", "error")]


def test_too_few_or_too_low_rates_and_little_patience_say_nothing():
    assert found(STILL) == []
    assert found(STILL, at(STILL, 0.1)) == []
    assert found(at(STILL, 1e-6), patient(at(STILL, 1e-5))) == []
    assert found(replace(STILL, skill=NAN), patient(replace(STILL, skill=NAN))) == []
    assert found() == []


def test_fewer_updates_than_a_few_rows_take_are_too_few():
    soon = replace(LEARNED, halved=20)
    assert found(soon, updates=19) == [("too_few_updates", "warning")]
    assert found(soon, updates=20) == []
    assert found(replace(soon, halved=None), updates=1) == []
    (finding,) = one_batch.too_few_updates(case_of(soon, updates=10))
    assert "epochs=20" in finding.remedies[0].code


def test_less_of_a_few_rows_than_a_simple_function_knows_of_new_ones_is_little():
    half = replace(LITTLE, skill=0.6)
    facts = training("sigmoid", "binary_crossentropy", BITS)
    facts = replace(facts, one_batch=(half, at(half, 0.1), patient(half)))

    def severities(skill):
        case = Case(replace(facts, curved_skill=skill), Thresholds())
        return [finding.severity for finding in one_batch.not_by_heart(case)]

    assert severities(0.9) == ["warning"]
    assert severities(0.8) == []
    assert severities(NAN) == []


def test_layers_that_no_gradient_reaches():
    cut = replace(STILL, unreached=("net/dense",))
    assert found(cut) == [("frozen_layer", "warning")]
    assert found(replace(LEARNED, unreached=("net/dense",))) == [("frozen_layer", "info")]
    zero = training("softmax", "sparse_categorical_crossentropy", BITS)
    first = replace(zero.layers[0], constant_kernel=True)
    zero = replace(zero, one_batch=(cut,), layers=(first, *zero.layers[1:]))
    assert list(one_batch.unreached(Case(zero, Thresholds()))) == []


def test_a_loss_that_is_never_finite():
    lost = at(replace(LOST, skill=NAN), 1e-3)
    assert found(replace(LOST, skill=NAN), lost) == [("non_finite", "error")]
    assert found(replace(LOST, skill=NAN), at(LITTLE, 1e-3)) == []


def test_a_number_that_is_no_loss_is_not_learning():
    assert not LOST.has_skill(0.5)
    assert LEARNED.has_skill(1.0)
    assert math.isnan(replace(LEARNED, first=-3.0).fall)
    assert LEARNED.fall == pytest.approx(1 - 0.1 / 2.3)
    assert not RISEN.is_calm


SUSPICION = Finding(
    "wrong_output_activation", "warning", "It looks odd.", "missing_output_activation"
)


def large(condition):
    return Finding(condition, "warning", "Weights are large.", "large_initial_weights")


FEW = Finding("wrong_output_activation", "warning", "They are few.", "too_few_output_units")


@pytest.mark.parametrize(
    ("finding", "tries", "is_refuted"),
    [
        (SUSPICION, (LEARNED,), True),
        (SUSPICION, (LITTLE,), False),
        (SUSPICION, (), False),
        (SUSPICION, (replace(LEARNED, highest=20.0),), False),
        (replace(SUSPICION, severity="error"), (LEARNED,), False),
        (FEW, (LEARNED,), False),
        (Finding("overfitting", "warning", "No batch shows it."), (LEARNED,), False),
        (Finding("wrong_loss", "warning", "It fits.", "metric_does_not_fit"), (LEARNED,), False),
        (Finding("learning_rate_too_low", "warning", "It is low."), (LEARNED,), True),
        (large("exploding_gradient"), (LEARNED,), True),
        (large("saturated_units"), (LEARNED,), False),
    ],
)
def test_rows_that_are_learned_refute_suspicions(finding, tries, is_refuted):
    (left,) = examined(case_of(*tries), (lambda case: iter([finding]),))
    assert (left.severity == "info") == is_refuted


def test_a_short_training_is_not_refuted_by_a_longer_one():
    low = Finding("learning_rate_too_low", "warning", "It is low.")
    (left,) = examined(case_of(LEARNED, updates=10), (lambda case: iter([low]),))
    assert left.severity == "warning"
