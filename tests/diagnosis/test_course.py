import numpy as np
import pytest

from keras_trainkit.diagnosis import Activations
from keras_trainkit.diagnosis._course import Course
from tests.diagnosis.trainings import case

pytestmark = pytest.mark.host


def norms(*changes, steps=20, layers=4):
    """Return norms of 1, some of them changed: pairs of `(steps, variables)` and a number."""
    table = np.ones((steps, 2 * layers))
    for place, value in changes:
        table[place] = value
    return table


def course(table, **fields):
    columns = {"norm": table, **fields.pop("columns", {})}
    return Course(case(None, columns, len(table), table.shape[1] // 2, **fields).history)


def probed(dead):
    table = np.full((1, len(dead), 5), np.nan)
    table[0, :, 3] = dead
    layers = [f"model/dense_{i}" for i in range(len(dead))]
    return Activations([0], layers, ["relu"] * len(dead), table)


AFTER = (slice(2, None), slice(0, 2))
BELOW = (slice(None), slice(0, 6))
HEAD_KERNEL = (slice(None), 6)


def test_an_explosion_begins_where_the_step_before_was_longest_for_the_weights():
    updates = np.full((20, 8), 0.002)
    updates[0, 2] = 50.0
    found = course(norms((1, 2e16)), columns={"update_norm": updates})
    assert (found.exploded, found.burst, found.begin) == (1, 1, 1)
    assert course(norms((5, 900.0))).exploded is None
    assert course(norms((0, 0.0))).exploded is None


def test_a_gradient_that_was_next_to_nothing_has_not_exploded_below_the_size_of_the_weights():
    tiny = norms((0, 1e-8))
    assert course(tiny, columns={"weight_norm": np.full(tiny.shape, 3.0)}).exploded is None
    assert course(tiny, columns={"weight_norm": np.full(tiny.shape, 1e-3)}).exploded == 1


def test_what_an_explosion_left_nearly_silent_is_silent():
    found = course(norms((1, 2e16), (AFTER, 1e-8)))
    assert found.silent.tolist() == [True, False, False, False]
    assert course(norms((AFTER, 1e-8))).silent.tolist() == [False] * 4


def test_the_probe_tells_which_layer_is_dead_first():
    table = norms((BELOW, 0.0), (HEAD_KERNEL, 0.0))
    assert course(table, activations=probed([0.1, 1.0, 1.0, np.nan])).origin == 1
    assert course(table, activations=probed([0.1, 0.7, 0.2, np.nan])).origin is None


def test_without_a_probe_the_bias_that_stands_out_tells():
    table, weights = norms((BELOW, 0.0), (HEAD_KERNEL, 0.0)), np.full((20, 8), 2.0)
    weights[:, 1::2] = 0.0
    weights[:, 3] = 3.0
    assert course(table, columns={"weight_norm": weights}).origin == 1
    weights[:, 3] = 0.0
    assert course(table, columns={"weight_norm": weights}).origin == 2


def test_a_branch_without_gradient_or_a_net_without_any_is_no_dead_layer():
    assert course(norms(((slice(None), slice(0, 4)), 0.0))).origin is None
    assert course(norms() * 0).origin is None


def test_units_without_gradient_are_dead_unless_the_probe_says_otherwise():
    zeros = np.full((20, 8), 0.1)
    zeros[:, 3] = 0.75
    zeros[:, 7] = 0.9  # The head has no dead units.
    columns = {"zero_fraction": zeros}
    assert course(norms(), columns=columns).dead_shares == {1: 0.75}
    probe = probed([0.1, 0.4, 0.6, np.nan])
    assert course(norms(), columns=columns, activations=probe).dead_shares == {2: 0.6}
