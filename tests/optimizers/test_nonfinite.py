"""Updates left out because a gradient is not finite: nothing moves, and they are counted."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam, PercentileClipping
from tests import contracts
from tests.optimizers import planes
from tests.selection import full_on_torch

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.7)
RULES = {
    "nag": lambda **numbers: NAG(0.1, **numbers),
    "adam-schedule": lambda **numbers: Adam(SCHEDULE, **numbers),
    "amsgrad-ema": lambda **numbers: Adam(0.1, amsgrad=True, use_ema=True, **numbers),
    "adamw-clipped": lambda **numbers: AdamW(0.1, global_clipnorm=1.0, **numbers),
    "nadam-percentile": lambda **n: Nadam(0.1, clipping=PercentileClipping(), **n),
    "nag-accumulated": lambda **n: NAG(0.1, gradient_accumulation_steps=2, **n),
}
CASES = [pytest.param(make, id=name) for name, make in RULES.items()]
every_rule = pytest.mark.parametrize("make", CASES)
# The rows that spoil a step: a NaN for the kernel, an infinity for the bias, one of each.
BAD = np.zeros((3, planes.ROW), "float32")
BAD[0, 1], BAD[1, -1], BAD[2, [0, -1]] = np.nan, -np.inf, [np.inf, np.nan]
SPOILT = np.insert(planes.GRADIENTS, [2, 3, 3], BAD, axis=0)


def all_state(model):
    """Return weights and what the optimizer stores, but for the count of skipped updates."""
    stored = [v for v in model.optimizer._variables if v.name != "skipped_updates"]
    return [*model.get_weights(), *map(contracts.array, stored)]


@every_rule
@pytest.mark.parametrize("place", [2, 3], ids=["two-done", "three-done"])
def test_changes_nothing_and_counts(make, place):
    model = planes.compiled(make(skip_nonfinite=True))
    variables = model.trainable_variables
    for row in planes.GRADIENTS[:place]:
        model.optimizer.apply(planes.gradients(row), variables)
    before = [value.copy() for value in all_state(model)]
    for count, row in enumerate(BAD, 1):
        model.optimizer.apply(planes.gradients(row), variables)
        assert model.optimizer.skipped_updates == count
    for value, old in zip(all_state(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize(
    "make", full_on_torch(CASES, keep=("amsgrad-ema", "nadam-percentile", "nag-accumulated"))
)
def test_fit_trains_as_if_the_bad_batches_had_not_been_there(make, tmp_path):
    spoilt, whole = planes.compiled(make(skip_nonfinite=True)), planes.compiled(make())
    planes.fit(spoilt, SPOILT, epochs=2)
    planes.fit(whole, epochs=2)
    assert spoilt.optimizer.skipped_updates == 2 * len(BAD)
    for value, expected in zip(all_state(spoilt), all_state(whole), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
    spoilt.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.skipped_updates == 2 * len(BAD)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}])
def test_fit_skips_without_a_trace_and_without_xla(options):
    spoilt = planes.compiled(NAG(0.1, skip_nonfinite=True), **options)
    whole = planes.compiled(NAG(0.1), **options)
    planes.fit(spoilt, SPOILT)
    planes.fit(whole)
    assert spoilt.optimizer.skipped_updates == len(BAD)
    for value, expected in zip(all_state(spoilt), all_state(whole), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("make", [RULES["nag"], RULES["adam-schedule"]])
def test_behind_loss_scaling_what_overflows_is_skipped_outside(make):
    def scaled(**numbers):
        inner = make(**numbers)
        return inner, keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)

    (inner, outer), (_, plain) = scaled(skip_nonfinite=True), scaled()
    spoilt, whole = planes.compiled(outer), planes.compiled(plain)
    planes.fit(spoilt, SPOILT)
    planes.fit(whole, SPOILT)
    assert inner.skipped_updates == 0
    contracts.assert_same_weights(spoilt, whole)
    assert all(np.isfinite(weight).all() for weight in spoilt.get_weights())


@every_rule
def test_off_by_default_and_nan_goes_through(make):
    optimizer, variables = make(), planes.compiled("sgd").trainable_variables
    for row in BAD:
        optimizer.apply(planes.gradients(row), variables)
    assert not any(np.isfinite(contracts.array(variable)).all() for variable in variables)
    assert optimizer.skipped_updates == 0
    assert not optimizer.skip_nonfinite


def test_gradients_that_are_missing_are_no_obstacle():
    optimizer, variables = Adam(skip_nonfinite=True), planes.compiled("sgd").trainable_variables
    optimizer.build(variables)
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        optimizer.apply([None, ops.ones((2,))], variables)
    assert (optimizer.skipped_updates, int(optimizer.iterations)) == (0, 1)


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_skips_in_a_graph_of_ones_own(jit_compile):
    import tensorflow as tf

    spoilt, whole = (planes.compiled("sgd").trainable_variables for _ in range(2))
    mine, plain = Nadam(0.1, skip_nonfinite=True), Nadam(0.1)
    mine.build(spoilt)

    @tf.function(jit_compile=jit_compile)
    def step(kernel, bias):
        mine.apply([kernel, bias], spoilt)

    for row in SPOILT:
        step(*planes.gradients(row))
    for row in planes.GRADIENTS:
        plain.apply(planes.gradients(row), whole)
    assert mine.skipped_updates == len(BAD)
    for variable, expected in zip(spoilt, whole, strict=True):
        contracts.assert_close(variable, expected)


@pytest.mark.backend("tensorflow")
def test_a_sparse_gradient_is_looked_at():
    import tensorflow as tf

    variable, optimizer = keras.Variable(np.ones((4, 2))), Adam(skip_nonfinite=True)
    for value in (math.inf, 1.0):
        values = tf.constant([[1.0, value]])
        optimizer.apply([tf.IndexedSlices(values, tf.constant([1]), (4, 2))], [variable])
    assert optimizer.skipped_updates == int(optimizer.iterations) == 1
    assert np.isfinite(contracts.array(variable)).all()


def test_is_a_bool_and_stands_in_the_config():
    assert contracts.assert_round_trips(NAG(skip_nonfinite=True)).skip_nonfinite is True
    with pytest.raises(ValueError, match=r"`skip_nonfinite` must be a bool. Received: skip_nonfi"):
        NAG(skip_nonfinite=1)
