import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Facts, Outcomes
from keras_trainkit.diagnosis._diagnose.recorded import progress as rules
from keras_trainkit.diagnosis._diagnose.recorded import too_short
from tests.diagnosis.trainings import case, classifier, found, regression

pytestmark = pytest.mark.host

FALLING = np.linspace(1.0, 0.5, 6)


def test_a_network_no_better_than_chance_learns_nothing():
    finding = found(rules.no_learning, case(loss=FALLING, accuracy=np.full(6, 0.51)))
    assert finding.severity == "error"
    assert found(rules.no_learning, case(Facts(), loss=np.full(6, 0.7)))


@pytest.mark.parametrize(
    "given",
    [
        case(accuracy=np.full(6, 0.6)),
        case(Facts(), loss=FALLING),
        case(Facts(), loss=0.7 + 0.001 * np.arange(6)),
        case(loss=[1.0, 0.9], accuracy=[0.5, 0.5]),
        case(classifier(rows=96, epochs=6), loss=FALLING, accuracy=np.full(6, 0.5), steps=18),
    ],
)
def test_no_learning_is_said_of_nothing_else(given):
    assert not found(rules.no_learning, given)


def test_what_does_not_hold_on_validation_data_is_not_learned():
    logs = {"accuracy": np.full(6, 0.6), "val_accuracy": np.full(6, 0.5)}
    finding = found(rules.no_learning, case(loss=FALLING, val_loss=np.full(6, 0.7), **logs))
    assert finding.severity == "warning"
    assert finding.text.endswith("no better than a constant answer on validation data.")
    assert not found(rules.no_learning, case(loss=FALLING, val_loss=FALLING, **logs))
    logs["val_accuracy"] = logs["accuracy"]
    assert not found(rules.no_learning, case(loss=FALLING, val_loss=np.full(6, 0.7), **logs))


def test_a_network_at_rest_with_little_skill_underfits():
    loss = [1.0, 0.66, 0.65, 0.65, 0.65, 0.65]
    given = {"loss": loss, "accuracy": np.full(6, 0.6)}
    assert found(rules.underfitting, case(narrow(), **given)).severity == "warning"
    assert found(rules.underfitting, case(**given)).severity == "info"
    assert not found(rules.underfitting, case(loss=loss, accuracy=np.full(6, 0.75)))
    assert not found(rules.underfitting, case(loss=FALLING, accuracy=np.full(6, 0.6)))


@pytest.mark.parametrize(
    ("linear", "curved", "severity"),
    [(0.2, 0.9, "warning"), (0.9, np.nan, "warning"), (0.25, 0.3, None), (np.nan, np.nan, None)],
)
def test_a_network_at_rest_below_what_a_simple_function_finds_underfits(linear, curved, severity):
    facts = dataclasses.replace(classifier(), linear_skill=linear, curved_skill=curved)
    loss = [1.0, 0.66, 0.65, 0.65, 0.65, 0.65]
    finding = found(rules.underfitting, case(facts, loss=loss, accuracy=np.full(6, 0.7)))
    assert (finding and finding.severity) == severity
    assert not found(rules.underfitting, case(facts, loss=loss, accuracy=np.full(6, 0.9)))


def test_a_loss_that_jumps_up_and_down_oscillates():
    jumping = [1.0, 0.5, 0.9, 0.4, 1.0, 0.5, 0.9]
    assert found(rules.oscillating_loss, case(loss=jumping, accuracy=np.full(7, 0.6)))
    for loss in (np.linspace(1, 0.1, 7), [1.0, 0.9, 0.95, 0.85, 0.9, 0.8, 0.85]):
        assert not found(rules.oscillating_loss, case(loss=loss, accuracy=np.full(7, 0.6)))


def outcomes(low, high, spread, target_spread, skill=0.0):
    return Outcomes([5], ["out"], [[[low, high, spread, target_spread, skill]]])


def test_the_same_answer_for_every_row_is_found():
    given = case(outcomes=outcomes(0.5, 0.5, 1e-6, 0.5), accuracy=np.full(6, 0.5))
    finding = found(rules.constant_predictions, given)
    assert (finding.severity, finding.where) == ("error", "out")
    unknown = outcomes(0.5, 0.5, 1e-6, np.nan)
    assert found(rules.constant_predictions, case(outcomes=unknown, accuracy=np.full(6, 0.5)))


@pytest.mark.parametrize(
    "seen",
    [
        outcomes(0.2, 0.8, 0.1, 0.5),
        outcomes(3.0, 3.0, 1e-6, 0.0),
        outcomes(3.0, 3.0, 1e-6, np.nan),
        outcomes(22.0, 22.1, 0.01, 1.0),
    ],
)
def test_answers_that_differ_or_are_all_the_same_rightly_are_not(seen):
    assert not found(rules.constant_predictions, case(outcomes=seen, accuracy=np.full(6, 0.5)))


def test_a_loss_of_0_or_below_is_wrong():
    zero = found(rules.wrong_loss, case(loss=np.zeros(6), accuracy=np.full(6, 0.5)))
    assert zero.detail == "loss_always_zero"
    negative = found(rules.wrong_loss, case(loss=-np.arange(6.0)))
    assert negative.detail == "regression_with_classification_loss"
    assert not found(rules.wrong_loss, case(regression(), loss=-np.arange(6.0)))
    assert not found(rules.wrong_loss, case(loss=[0.5, 0.1, 0.0], accuracy=[0.9, 1.0, 1.0]))


def test_updates_are_counted_from_the_plan_where_it_is_known():
    assert rules.updates(case()) == 120
    unplanned = dataclasses.replace(
        classifier(), plan=dataclasses.replace(classifier().plan, steps=None)
    )
    assert rules.updates(case(unplanned)) == 60


def narrow(units=1):
    facts = classifier()
    layers = [dataclasses.replace(layer, fan_in=8, units=8) for layer in facts.layers]
    layers[1] = dataclasses.replace(layers[1], units=units)
    return dataclasses.replace(facts, layers=tuple(layers))


def test_a_bottleneck_underfits_rather_than_learns_nothing():
    resting = {"loss": [0.7, 0.69, 0.69, 0.69, 0.69, 0.69], "accuracy": np.full(6, 0.51)}
    finding = found(rules.underfitting, case(narrow(), **resting))
    assert (finding.where, "through 1 unit." in finding.text) == ("model/dense_1", True)
    assert not found(rules.no_learning, case(narrow(), **resting))
    assert not found(rules.underfitting, case(narrow(8), **resting))
    assert found(rules.no_learning, case(narrow(8), **resting))


def test_a_bottleneck_at_rest_is_not_too_short():
    even = {"loss": np.linspace(1.0, 0.9, 12), "accuracy": np.linspace(0.5, 0.6, 12)}
    assert found(rules.underfitting, case(narrow(), **even))
    assert not found(too_short.slow_convergence, case(narrow(), **even))
    assert found(too_short.slow_convergence, case(narrow(8), **even))
