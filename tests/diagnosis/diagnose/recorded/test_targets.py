import dataclasses

import numpy as np
import pytest

from keras_trainkit.diagnosis import Outcomes, diagnose
from keras_trainkit.diagnosis._diagnose.recorded import targets as rules
from tests.diagnosis.trainings import case, found, regression

pytestmark = pytest.mark.host

FALLING = np.linspace(500.0, 300.0, 6)


def outcomes(low, high):
    return Outcomes([5], ["dense_2"], [[[low, high, 0.5, 2.0, -20.0]]])


def sized(mean, std=2.0):
    facts = regression(std)
    measured = {"mean": mean, "low": mean - 2 * std, "high": mean + 2 * std, "classes": {}}
    target = dataclasses.replace(facts.outputs[0].target, distinct=600, whole=False, **measured)
    return dataclasses.replace(
        facts, outputs=(dataclasses.replace(facts.outputs[0], target=target),)
    )


@pytest.mark.parametrize("given", [sized(22.0), sized(-22.0), sized(0.0, 17.0)])
def test_outputs_that_are_still_on_their_way_to_large_targets(given):
    finding = found(rules.far_targets, case(given, loss=FALLING, outcomes=outcomes(-3.0, 5.0)))
    assert (finding.name, finding.severity, finding.where) == ("unnormalized_target", "error", "y")
    assert "outputs are still at 5 at most" in finding.text


@pytest.mark.parametrize(
    ("given", "loss", "reached"),
    [
        (sized(22.0), FALLING, outcomes(18.0, 25.0)),
        (sized(1.0, 1.0), FALLING, outcomes(0.0, 0.3)),
        (sized(22.0), np.full(6, 400.0), outcomes(0.0, 5.0)),
        (sized(22.0), FALLING, outcomes(np.nan, np.nan)),
        (sized(22.0), np.linspace(10.0, 0.4, 6), outcomes(0.0, 5.0)),
    ],
)
def test_outputs_that_are_there_or_at_rest_are_not(given, loss, reached):
    assert not found(rules.far_targets, case(given, loss=loss, outcomes=reached))


def test_weights_that_grow_towards_large_targets_are_no_high_rate():
    weights = np.geomspace(2.0, 60.0, 60)[:, None] * np.ones(6)
    columns = {"weight_norm": weights, "update_norm": 0.05 * weights}
    given = case(sized(22.0), columns, loss=FALLING, outcomes=outcomes(0.0, 5.0))
    assert diagnose(given.history)[0].name == "unnormalized_target"
