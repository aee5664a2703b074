import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis._diagnose.recorded import too_short as rules
from tests.diagnosis.trainings import case, classifier, found

pytestmark = pytest.mark.host

FALLING = np.linspace(1.0, 0.5, 6)


def test_a_training_that_ends_while_it_gets_better_is_too_short():
    few = classifier(rows=96, epochs=6)
    finding = found(rules.slow_convergence, case(few, loss=FALLING, accuracy=FALLING, steps=18))
    assert (finding.severity, finding.detail) == ("warning", "too_few_updates")
    long = found(rules.slow_convergence, case(loss=FALLING, accuracy=FALLING))
    assert (long.severity, long.detail) == ("warning", "")


@pytest.mark.parametrize(
    "given",
    [
        case(loss=FALLING, accuracy=np.full(6, 0.9)),
        case(loss=[1.0, 0.6, 0.55, 0.5, 0.495, 0.49], accuracy=np.full(6, 0.6)),
        case(classifier(epochs=60), loss=FALLING, accuracy=np.full(6, 0.6)),
    ],
)
def test_what_works_has_arrived_or_goes_on_is_not_too_short(given):
    assert not found(rules.slow_convergence, given)


def test_a_loss_that_falls_evenly_to_the_end_has_not_arrived():
    even = {"loss": np.linspace(1.0, 0.9, 12), "accuracy": np.linspace(0.5, 0.6, 12)}
    assert found(rules.slow_convergence, case(**even)).severity == "warning"
    resting = {"loss": [1.0, *np.linspace(0.9, 0.89, 11)], "accuracy": even["accuracy"]}
    assert not found(rules.slow_convergence, case(**resting))


@pytest.mark.parametrize(
    ("halving", "scheduled", "is_found"), [(5, True, True), (30, True, False), (5, False, False)]
)
def test_a_schedule_that_ends_long_before_the_training_is_too_short(halving, scheduled, is_found):
    facts = classifier(epochs=12)
    facts = dataclasses.replace(
        facts, optimizer=dataclasses.replace(facts.optimizer, scheduled=scheduled)
    )
    moves = 0.02 * 0.5 ** (np.arange(60.0) / halving)[:, None] * np.ones(6)
    logs = {"loss": [0.7, 0.4, *10 * [0.38]], "accuracy": np.full(12, 0.8)}
    finding = found(rules.slow_convergence, case(facts, {"update_norm": moves}, **logs))
    assert (finding is not None and finding.detail == "too_few_updates") is is_found
    logs["accuracy"] = np.full(12, 0.9)
    assert not found(rules.slow_convergence, case(facts, {"update_norm": moves}, **logs))
