"""Learning rates by layer: factors of one schedule, on every rule."""

import re

import keras
import numpy as np
import pytest

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests import contracts
from tests.optimizers import planes

PATHS = ("net/dense/kernel", "net/dense_1/kernel", "net/dense_2/kernel")
SCHEDULE = keras.optimizers.schedules.PiecewiseConstantDecay
GRADIENTS = np.random.default_rng(5).normal(size=(6, 3, 2, 2))
RULES = {
    "nag": lambda **numbers: NAG(weight_decay=0.5, **numbers),
    "heavy-ball": lambda **numbers: NAG(weight_decay=0.5, nesterov=False, **numbers),
    "torch-velocity": lambda **numbers: NAG(torch_velocity=True, **numbers),
    "adam": lambda **numbers: Adam(weight_decay=0.5, **numbers),
    "amsgrad": lambda **numbers: Adam(amsgrad=True, beta_2=0.5, **numbers),
    "adamw": lambda **numbers: AdamW(weight_decay=0.5, **numbers),
    "nadam": lambda **numbers: Nadam(weight_decay=0.5, **numbers),
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES)


def factors(multipliers, paths=PATHS):
    """Return by how much of the learning rate 1 each variable moves under gradients of one."""
    variables = planes.named(paths)
    optimizer = NAG(1.0, momentum=0.0, learning_rate_multipliers=multipliers)
    planes.push(optimizer, variables, 1.0)
    return [float(1 - contracts.array(variable).max()) for variable in variables]


def schedule(factor):
    return SCHEDULE([2, 4], [0.1 * factor, 0.03 * factor, 0.2 * factor])


def trained(optimizer, variables, gradients):
    """Apply the steps; return the variables at the look-ahead point and at the iterate."""
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float32") for g in step], variables)
    held = [contracts.array(variable).copy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    return held, [contracts.array(variable) for variable in variables]


@every_rule
def test_each_variable_moves_as_under_a_learning_rate_of_its_own(make):
    multipliers = {"dense_1": 0.1, "dense_2": 3.0}
    optimizer = make(learning_rate=schedule(1), learning_rate_multipliers=multipliers)
    held, final = trained(optimizer, planes.named(PATHS), GRADIENTS)
    for i, factor in enumerate([1.0, 0.1, 3.0]):
        alone = make(learning_rate=schedule(factor))
        own_held, own_final = trained(
            alone, planes.named(PATHS[i : i + 1]), GRADIENTS[:, i : i + 1]
        )
        contracts.assert_close(held[i], own_held[0])
        contracts.assert_close(final[i], own_final[0])


@every_rule
def test_zero_freezes(make):
    optimizer = make(learning_rate=0.1, learning_rate_multipliers={"dense_1": 0})
    _, (moving, frozen, _) = trained(optimizer, planes.named(PATHS), GRADIENTS)
    np.testing.assert_array_equal(frozen, np.ones((2, 2)))
    assert np.abs(moving - 1).min() > 1e-3


@pytest.mark.parametrize(
    ("multipliers", "expected"),
    [
        (None, [1, 1, 1]),
        ({}, [1, 1, 1]),
        ({"dense": 0.5}, [0.5, 1, 1]),
        ({"dense_.": 0.5}, [1, 0.5, 0.5]),
        ({"dense|nse_1": 0.5}, [0.5, 1, 1]),
        ({"net/dense_2": 0.5}, [1, 1, 0.5]),
        ({"net": 0.5}, [0.5, 0.5, 0.5]),
        ({"dense_1": 0.25, "dense_.": 0.5, "kernel": 2}, [2, 0.25, 0.5]),
        ({"kernel": 2, "dense_1": 0.25}, [2, 2, 2]),
    ],
)
def test_the_first_pattern_that_fits_whole_segments_counts(multipliers, expected):
    np.testing.assert_allclose(factors(multipliers), expected, rtol=1e-6)


@pytest.mark.oldest
def test_act_in_fit_and_stay_in_files(tmp_path):
    numbers = {"learning_rate": 0.1, "weight_decay": 0.5}
    model = planes.compiled(NAG(**numbers, learning_rate_multipliers={"bias": 0.1}))
    planes.fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.learning_rate_multipliers == {"bias": 0.1}
    for factor, place in ((1, 0), (0.1, 1)):
        alone = planes.compiled(NAG(**{**numbers, "learning_rate": 0.1 * factor}))
        planes.fit(alone)
        contracts.assert_close(model.get_weights()[place], alone.get_weights()[place])
    for each in (model, loaded):
        planes.fit(each)
    contracts.assert_same_weights(model, loaded)


@pytest.mark.oldest
def test_stand_in_the_config():
    multipliers = {"dense_1": 0.1, "head": 2.0}
    clone = contracts.assert_round_trips(Adam(learning_rate_multipliers=multipliers))
    assert list(clone.learning_rate_multipliers.items()) == list(multipliers.items())
    assert contracts.assert_round_trips(Adam()).get_config()["learning_rate_multipliers"] is None


def test_a_pattern_that_fits_nothing_warns():
    message = f"`learning_rate_multipliers` names 'head', which no variable fits: {PATHS[0]}, "
    with pytest.warns(UserWarning, match=re.escape(message)):
        factors({"dense": 0.5, "head": 0.5})


@pytest.mark.parametrize(
    ("multipliers", "message"),
    [
        ({"dense": -0.1}, "`learning_rate_multipliers['dense']` must be in [0, inf). Received: "),
        ({"dense": "0.1"}, "`learning_rate_multipliers['dense']` must be a number in [0, inf). Re"),
        ({"dense": float("inf")}, "`learning_rate_multipliers['dense']` must be in [0, inf). Rec"),
        ({"(": 0.1}, "`learning_rate_multipliers` must be made of paths or regular expressions. "),
        ([("dense", 0.1)], "`learning_rate_multipliers` must be a dict from paths or patterns to "),
        (0.1, "`learning_rate_multipliers` must be a dict from paths or patterns to numbers. Rec"),
    ],
)
def test_bad_multipliers_are_refused_with_one_sentence(multipliers, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NAG(learning_rate_multipliers=multipliers)
