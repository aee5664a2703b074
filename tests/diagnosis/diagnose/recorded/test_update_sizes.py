import numpy as np
import pytest

from keras_trainkit.diagnosis._diagnose.recorded import update_sizes as rules
from tests.diagnosis.trainings import STEPS, case, found

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
