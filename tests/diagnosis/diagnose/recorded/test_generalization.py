import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import LayerFacts, Outcomes
from keras_trainkit.diagnosis._diagnose.recorded import generalization as rules
from keras_trainkit.diagnosis._diagnose.recorded.works import skill, validation_skill
from tests.diagnosis.trainings import case, classifier, found, regression

pytestmark = pytest.mark.host

FALLING = np.linspace(1.0, 0.01, 6)
RISING = np.array([0.7, 0.6, 0.8, 1.0, 1.2, 1.5])


def test_training_data_learned_by_heart_is_found():
    logs = {"accuracy": np.full(6, 0.99), "val_accuracy": np.full(6, 0.55)}
    finding = found(rules.overfitting, case(loss=FALLING, val_loss=RISING, **logs))
    assert finding.severity == "warning"
    assert "best in epoch 2 of 6" in finding.text
    unknown = found(rules.overfitting, case(regression(), loss=FALLING, val_loss=RISING * 1e-3))
    assert unknown.severity == "info"


def test_validation_that_stays_at_its_best_is_no_warning():
    logs = {"loss": np.linspace(4.0, 1.5, 6), "val_loss": [3.0, 2.7, 2.5, 2.5, 2.5, 2.55]}
    assert skill(case(regression(), **logs)) - validation_skill(case(regression(), **logs)) > 0.25
    assert not found(rules.overfitting, case(regression(), **logs))
    logs["val_loss"][-1] = 3.5
    assert found(rules.overfitting, case(regression(), **logs)).severity == "warning"


def test_a_cross_entropy_alone_shows_what_is_worse_than_chance():
    unsure = {"loss": FALLING, "val_loss": 0.45 * RISING}
    assert found(rules.overfitting, case(**unsure)).severity == "info"
    assert found(rules.overfitting, case(loss=FALLING, val_loss=RISING)).severity == "warning"


def test_a_loss_that_weights_scale_is_not_compared_with_that_of_validation():
    facts = classifier()
    weighted = dataclasses.replace(facts, plan=dataclasses.replace(facts.plan, weighted=True))
    logs = {"loss": 1e-6 * FALLING, "val_loss": RISING}
    assert found(rules.overfitting, case(facts, **logs)).severity == "warning"
    assert found(rules.overfitting, case(weighted, **logs)).severity == "info"


@pytest.mark.parametrize(
    ("loss", "val_loss", "logs"),
    [
        (FALLING, FALLING * 1.5, {}),
        (FALLING, FALLING * 0.5, {"accuracy": np.full(6, 0.8), "val_accuracy": np.full(6, 0.9)}),
        (np.full(6, 0.7), RISING, {}),
        (FALLING, FALLING, {"accuracy": np.full(6, 0.8), "val_accuracy": np.full(6, 0.6)}),
    ],
)
def test_a_gap_alone_is_no_overfitting(loss, val_loss, logs):
    assert not found(rules.overfitting, case(loss=loss, val_loss=val_loss, **logs))


def test_a_validation_loss_that_rises_while_answers_stay_right_is_an_info():
    logs = {"accuracy": np.full(6, 1.0), "val_accuracy": np.full(6, 0.99)}
    assert found(rules.overfitting, case(loss=FALLING, val_loss=RISING, **logs)).severity == "info"


def normalizing(momentum=0.99, **plan):
    facts = classifier()
    layers = (*facts.layers, LayerFacts("model/bn", "BatchNormalization", momentum=momentum))
    return dataclasses.replace(facts, layers=layers, plan=dataclasses.replace(facts.plan, **plan))


def outcomes(skill):
    return Outcomes([5], ["out"], [[[0, 1, 0.4, 0.5, skill]]])


@pytest.mark.parametrize(("momentum", "detail"), [(0.99, "moving_statistics_behind"), (0.5, "")])
def test_statistics_that_spoil_inference_are_found(momentum, detail):
    given = case(normalizing(momentum), accuracy=np.full(6, 0.98), outcomes=outcomes(0.1))
    finding = found(rules.batch_norm_gap, given)
    assert (finding.severity, finding.detail) == ("warning", detail)


def test_no_gap_without_batch_normalization_or_with_a_good_inference():
    logs = {"accuracy": np.full(6, 0.98)}
    assert not found(rules.batch_norm_gap, case(outcomes=outcomes(0.1), **logs))
    assert not found(rules.batch_norm_gap, case(normalizing(), outcomes=outcomes(0.9), **logs))


def test_batches_of_a_few_rows_are_too_small_for_statistics():
    logs = {"accuracy": np.full(6, 0.98), "outcomes": outcomes(0.1)}
    findings = list(rules.batch_norm_gap(case(normalizing(0.5, batch_size=4), **logs)))
    assert [finding.condition for finding in findings] == ["batch_norm_gap", "too_small_batch"]
