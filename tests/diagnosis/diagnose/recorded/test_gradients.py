import numpy as np
import pytest

from keras_trainkit.diagnosis import NonFinite
from keras_trainkit.diagnosis._diagnose.recorded import gradients as rules
from tests.diagnosis.trainings import STEPS, case, found

pytestmark = pytest.mark.host

CHANCE = {"accuracy": np.full(6, 0.5)}
GOOD = {"accuracy": np.full(6, 0.97)}


def norms(*changes, variables=6):
    table = np.ones((STEPS, variables))
    for place, value in changes:
        table[place] = value
    return table


def test_a_gradient_that_fades_by_depth_vanishes():
    finding = found(rules.vanishing_gradient, case(layers=8, decay=0.2, **CHANCE))
    assert (finding.severity, finding.where) == ("error", "model/dense_0")
    assert finding.evidence[0].value == pytest.approx(0.2**7)


def test_a_gradient_that_only_the_output_gets_vanishes():
    strengths = np.repeat([2.6e-5, 7e-6, 1.2e-5, 2.5e-5, 5e-5, 1.7e-4, 0.5], 2)
    given = case(columns={"norm": strengths, "weight_norm": 1.0}, layers=7, **CHANCE)
    assert found(rules.vanishing_gradient, given)


@pytest.mark.parametrize(("layers", "decay"), [(8, 0.5), (8, 1.0), (8, 2.0), (2, 1e-5)])
def test_a_gradient_that_comes_through_does_not(layers, decay):
    assert not found(rules.vanishing_gradient, case(layers=layers, decay=decay, **CHANCE))


def test_small_gradients_of_small_weights_are_no_vanishing():
    depth = np.repeat(0.2 ** np.arange(8.0)[::-1], 2)
    given = case(columns={"weight_norm": depth}, layers=8, decay=0.2, **CHANCE)
    assert not found(rules.vanishing_gradient, given)


def test_a_gradient_that_fades_in_a_training_that_learns_is_an_info():
    finding = found(rules.vanishing_gradient, case(layers=8, decay=0.2, **GOOD))
    assert finding.severity == "info"


def test_an_explosion_has_its_step_and_layer():
    updates = np.full((STEPS, 6), 0.002)
    updates[0, 2] = 50.0
    table = norms((1, 2e16), ((slice(2, None), slice(0, 5)), 0.0))
    given = case(columns={"norm": table, "update_norm": updates}, **CHANCE)
    finding = found(rules.exploding_gradient, given)
    assert (finding.severity, finding.where, finding.when) == ("error", "model/dense_1", "step 1")
    assert "Since step 2 hardly any gradient comes" in finding.text


@pytest.mark.parametrize("norm", [1.0, 180.0, np.linspace(1, 500, STEPS)[:, None]])
def test_large_gradients_are_no_explosion(norm):
    assert not found(rules.exploding_gradient, case(columns={"norm": norm}, **CHANCE))


def event(cause, **fields):
    return NonFinite(**{"step": 3, "since": 2, "epoch": 0, "batch": 3, "cause": cause, **fields})


@pytest.mark.parametrize(
    ("events", "severity", "where"),
    [
        ([event("data")], "error", "x"),
        ([event("overflow"), event("forward", layer="model/dense_1")], "error", "model/dense_1"),
        ([event("overflow")], "info", ""),
    ],
)
def test_events_that_are_not_finite_are_found(events, severity, where):
    finding = found(rules.non_finite, case(events=events))
    assert (finding.severity, finding.where) == (severity, where)


def test_a_loss_that_is_not_finite_is_found_without_events():
    finding = found(rules.non_finite, case(loss=[1.0, np.nan, np.nan]))
    assert finding.when == "epoch 2"
    assert not found(rules.non_finite, case())


def test_steps_far_from_the_usual_are_imbalanced():
    moves = np.full((STEPS, 6), 0.002)
    moves[:, 0:2] = 1e-7
    finding = found(rules.imbalanced_updates, case(columns={"update_norm": moves}, **CHANCE))
    assert (finding.where, finding.severity) == ("model/dense_0", "warning")
    moves[:, 0:2] = 1e-4
    assert not found(rules.imbalanced_updates, case(columns={"update_norm": moves}, **CHANCE))
