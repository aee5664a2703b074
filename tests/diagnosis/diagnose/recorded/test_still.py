"""Weights that do not move, or move all alike."""

import numpy as np
import pytest

from keras_trainkit.diagnosis._diagnose.recorded import still as rules
from tests.diagnosis.trainings import STEPS, case, found

pytestmark = pytest.mark.host


def norms(*changes, variables=6):
    table = np.ones((STEPS, variables))
    for place, value in changes:
        table[place] = value
    return table


def test_a_layer_that_no_gradient_reaches_is_frozen():
    table = norms(((slice(None), slice(2, 4)), 0.0))
    moves = np.where(table > 0, 0.002, 0.0)
    finding = found(rules.frozen_layer, case(columns={"norm": table, "update_norm": moves}))
    assert finding.where == "model/dense_1"
    assert finding.text.startswith("No gradient ever reaches")


def test_layers_without_a_gradient_are_one_finding():
    table, moves = np.ones((STEPS, 6)), np.ones((STEPS, 6))
    table[:, :4], moves[:, :4] = 0.0, 0.0
    finding = found(rules.frozen_layer, case(columns={"norm": table, "update_norm": moves}))
    assert "model/dense_0 and model/dense_1" in finding.text


def test_a_layer_that_never_moves_is_frozen_and_one_below_dead_units_is_not():
    moves = np.full((STEPS, 6), 0.002)
    moves[:, 0:2] = 0.0
    assert found(rules.frozen_layer, case(columns={"update_norm": moves})).where == "model/dense_0"
    dead = norms(((slice(None), slice(0, 5)), 0.0))
    columns = {"norm": dead, "update_norm": np.where(dead > 0, 0.002, 0.0)}
    assert not found(rules.frozen_layer, case(columns=columns))
    assert not found(rules.frozen_layer, case(columns={"update_norm": 0.0}))


def test_units_with_the_same_gradient_or_without_weights_are_alike():
    columns = {"mean": 0.5, "std": np.tile([0.3, 0.3, 0.3, 1e-6, 0.3, 1e-6], (STEPS, 1))}
    assert found(rules.symmetric_weights, case(columns=columns)).where == "model/dense_1"
    zero = norms(((slice(None), slice(0, 5)), 0.0))
    weights = np.where(zero > 0, 2.0, 0.0)
    finding = found(rules.symmetric_weights, case(columns={"norm": zero, "weight_norm": weights}))
    assert finding.where == "model/dense_0"


def test_units_that_differ_are_not_alike():
    columns = {"mean": 0.5, "std": np.tile([0.3, 0.3, 0.3, 0.3, 0.3, 1e-6], (STEPS, 1))}
    assert not found(rules.symmetric_weights, case(columns=columns))
    assert not found(rules.symmetric_weights, case())
