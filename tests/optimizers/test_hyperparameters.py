"""Numbers assigned during training hold from the next step on, without a new trace."""

import copy
import re

import keras
import numpy as np
import pytest

from keras_trainkit.optimizers import (
    NAG,
    Adam,
    AdamW,
    AdaptiveClipping,
    Nadam,
    PercentileClipping,
)
from tests import contracts
from tests.optimizers import planes
from tests.selection import full_on_torch


def adaptive(factor=10.0, **numbers):
    return NAG(clipping=AdaptiveClipping(factor), torch_velocity=True, **numbers)


def percentile(percentile=100.0, **numbers):
    return NAG(clipping=PercentileClipping(percentile), nesterov=False, **numbers)


# For each optimizer the numbers at construction, and what is assigned before which step.
PLANS = {
    "adam": (
        Adam,
        {"learning_rate": 0.1, "epsilon": 1e-3, "weight_decay": 0.1, "global_clipnorm": 9.0},
        [
            {"beta_1": 0.5},
            {"beta_2": 0.6},
            {"epsilon": 0.3},
            {"learning_rate": 0.3},
            {"weight_decay": 0.7},
            {"global_clipnorm": 0.4},
        ],
    ),
    "amsgrad": (
        lambda **numbers: Adam(amsgrad=True, **numbers),
        {"learning_rate": 0.1, "beta_2": 0.9},
        [{"beta_1": 0.5}, {"beta_2": 0.6}, {"epsilon": 0.3}, {"learning_rate": 0.3}],
    ),
    "adamw": (
        AdamW,
        {"learning_rate": 0.1, "clipvalue": 9.0},
        [{"clipvalue": 0.2}, {"weight_decay": 0.7}, {"beta_2": 0.5}, {"beta_1": 0.0}],
    ),
    "nadam": (
        Nadam,
        {"learning_rate": 0.1, "clipnorm": 9.0},
        [
            {"clipnorm": 0.3},
            {"beta_1": 0.4},
            {"beta_2": 0.6},
            {"epsilon": 0.3},
            {"learning_rate": 0.2},
        ],
    ),
    "nag": (
        NAG,
        {"learning_rate": 0.1, "weight_decay": 0.1, "clipnorm": 9.0},
        [
            {"momentum": 0.5},
            {"learning_rate": 0.3},
            {"weight_decay": 0.7},
            {"clipnorm": 0.4},
            {"momentum": 0.0},
            {"momentum": 0.8},
        ],
    ),
    "adaptive": (
        adaptive,
        {"learning_rate": 0.1, "factor": 10.0, "momentum": 0.5},
        [{"clipping.factor": 0.1}, {"momentum": 0.8}, {"clipping.factor": 0.5}],
    ),
    "percentile": (
        percentile,
        {"learning_rate": 0.1, "percentile": 100.0, "momentum": 0.5},
        [{"clipping.percentile": 5.0}, {"momentum": 0.8}, {"clipping.percentile": 40.0}],
    ),
}
CASES = [
    pytest.param(make, numbers, dict(enumerate(plan, 2)), id=name)
    for name, (make, numbers, plan) in PLANS.items()
]
every_plan = pytest.mark.parametrize(("make", "numbers", "plan"), CASES)
IN_ONE_TRACE = pytest.mark.backend("tensorflow", "jax")


def weights_of_new_optimizers(make, numbers, plan, rows=planes.GRADIENTS):
    """Return the weights after each step if every change builds another optimizer."""
    model = planes.compiled("sgd")
    variables, optimizer, found = model.trainable_variables, make(**numbers), []
    for step, row in enumerate(rows):
        if step in plan:
            numbers = numbers | {name.split(".")[-1]: value for name, value in plan[step].items()}
            # Built with a momentum of 0, it would have no velocities.
            stopped = {"momentum": 0.0} if numbers.get("momentum") == 0 else {}
            old, optimizer = optimizer, make(**numbers | dict.fromkeys(stopped, 0.5))
            optimizer.build(variables)
            planes.assign(optimizer, stopped)
            for variable, value in zip(optimizer._variables, planes.state(old), strict=True):
                if variable.name != "learning_rate":
                    variable.assign(value)
        optimizer.apply(planes.gradients(row), variables)
        found.append(model.get_weights())
    return found


def assert_same_path(actual, expected):
    for step, (mine, theirs) in enumerate(zip(actual, expected, strict=True)):
        for weight, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(weight, other, rtol=1e-5, atol=2e-6, err_msg=f"{step=}")


@pytest.mark.parametrize(
    ("make", "numbers", "plan"), full_on_torch(CASES, keep=("nag", "adam", "percentile"))
)
def test_hold_from_the_next_step_on_without_a_new_trace(make, numbers, plan):
    expected = weights_of_new_optimizers(make, numbers, plan)
    for hook in ("on_train_batch_begin", "on_train_batch_end"):
        callback = planes.Assign(plan, hook)
        planes.fit(planes.compiled(make(**numbers)), callbacks=[callback])
        assert_same_path(callback.weights, expected)
        if keras.backend.backend() != "torch":
            assert callback.traces == [callback.traces[0]] * planes.STEPS


@pytest.mark.backend("torch")
@every_plan
def test_each_changes_the_path_at_its_own_step(make, numbers, plan):
    """What the other tests compare would not be equal with a number left out or a step late."""
    whole = weights_of_new_optimizers(make, numbers, plan)
    for step in plan:
        late = {at + (at == step): change for at, change in plan.items()}
        late[step + 1] = plan[step] | plan.get(step + 1, {})
        path = weights_of_new_optimizers(make, numbers, late)
        gap = [np.abs(mine[0] - other[0]).max() for mine, other in zip(whole, path, strict=True)]
        assert max(gap[:step]) == 0
        assert gap[step] > 1e-3, plan[step]


@IN_ONE_TRACE
def test_need_no_new_trace_between_two_fits():
    model = planes.compiled(AdamW(clipping=AdaptiveClipping()))
    planes.fit(model)
    traced = model.layers[0].calls
    planes.assign(model.optimizer, {"beta_1": 0.5, "weight_decay": 0.1, "clipping.factor": 0.3})
    planes.fit(model, epochs=2)
    assert model.layers[0].calls == traced


@IN_ONE_TRACE
def test_hold_from_the_next_execution_on():
    make, numbers, plan = PLANS["adam"][0], PLANS["adam"][1], {4: {"beta_1": 0.5}}
    model = planes.compiled(make(**numbers), steps_per_execution=2)
    callback = planes.Assign(plan)
    planes.fit(model, callbacks=[callback])
    assert_same_path(callback.weights, weights_of_new_optimizers(make, numbers, plan)[1::2])


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}])
def test_hold_without_a_trace_and_without_xla(options):
    make, numbers, plan = PLANS["adam"][0], PLANS["adam"][1], {3: {"epsilon": 0.3}}
    model, callback = planes.compiled(make(**numbers), **options), planes.Assign(plan)
    planes.fit(model, callbacks=[callback])
    assert_same_path(callback.weights, weights_of_new_optimizers(make, numbers, plan))


@pytest.mark.oldest
@pytest.mark.parametrize("name", ["nag", "adam"])
def test_hold_behind_loss_scaling(name):
    make, numbers, plan = PLANS[name]
    plan = dict(enumerate(plan, 2))
    scaled = keras.optimizers.LossScaleOptimizer(make(**numbers), initial_scale=4.0)
    model, callback = planes.compiled(scaled), planes.Assign(plan)
    planes.fit(model, callbacks=[callback])
    assert_same_path(callback.weights, weights_of_new_optimizers(make, numbers, plan))


def test_hold_in_the_update_that_accumulation_makes():
    numbers, change = {"learning_rate": 0.1}, {"beta_1": 0.5, "epsilon": 0.3}
    model = planes.compiled(Adam(**numbers, gradient_accumulation_steps=2))
    callback = planes.Assign({5: change})
    planes.fit(model, callbacks=[callback])
    means = planes.GRADIENTS.reshape(-1, 2, planes.ROW).mean(axis=1)
    expected = weights_of_new_optimizers(Adam, numbers, {2: change}, means)
    assert_same_path(callback.weights[1::2], expected)


OUTSIDE = [
    (Adam(), "beta_1", 1.0, "in [0, 1)"),
    (Adam(), "beta_2", -0.1, "in [0, 1)"),
    (Adam(), "epsilon", float("nan"), "in [0, inf)"),
    (Nadam(), "beta_1", "0.9", "a number in [0, 1)"),
    (Nadam(), "beta_2", True, "a number in [0, 1)"),
    (Nadam(), "epsilon", None, "a number in [0, inf)"),
    (NAG(), "momentum", 1.5, "in [0, 1)"),
    (AdamW(), "weight_decay", -1e-3, "in [0, inf)"),
    (AdamW(), "weight_decay", None, "a number in [0, inf)"),
    (NAG(clipnorm=1.0), "clipnorm", 0.0, "a number > 0"),
    (NAG(clipvalue=1.0), "clipvalue", float("inf"), "a number > 0"),
    (NAG(global_clipnorm=1.0), "global_clipnorm", -1.0, "a number > 0"),
    (NAG(clipping=AdaptiveClipping()), "clipping.factor", 0, "a number > 0"),
    (NAG(clipping=PercentileClipping()), "clipping.percentile", 100.5, "in [0, 100]"),
]


@pytest.mark.host
@pytest.mark.parametrize(
    ("optimizer", "name", "value", "allowed"),
    OUTSIDE,
    ids=[f"{type(o).__name__}-{name}" for o, name, *_ in OUTSIDE],
)
def test_out_of_range_is_refused_and_changes_nothing(optimizer, name, value, allowed):
    before, short = planes.number(optimizer, name), name.split(".")[-1]
    message = f"`{short}` must be {allowed}. Received: {short}={value!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        planes.assign(optimizer, {name: value})
    assert planes.number(optimizer, name) == before


@pytest.mark.parametrize("name", ["weight_decay", "clipnorm", "clipvalue", "global_clipnorm"])
def test_what_is_none_at_construction_stays_none(name):
    optimizer = NAG()
    setattr(optimizer, name, None)
    message = f"`{name}` must be given to the constructor to be assigned later. Received: {name}="
    with pytest.raises(ValueError, match=re.escape(message)):
        setattr(optimizer, name, 0.5)
    assert getattr(optimizer, name) is None
    assert optimizer.get_config()[name] is None


@pytest.mark.oldest
@every_plan
def test_stand_in_the_config_and_in_files(make, numbers, plan, tmp_path):
    model = planes.compiled(make(**numbers))
    model.optimizer.build(model.trainable_variables)
    last = {name: value for changes in plan.values() for name, value in changes.items()}
    planes.assign(model.optimizer, last)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = contracts.assert_round_trips(model.optimizer)
    for optimizer in (model.optimizer, clone, loaded.optimizer):
        assert {name: planes.number(optimizer, name) for name in last} == pytest.approx(last)
    for each in (model, loaded):
        each.optimizer.apply(planes.gradients(planes.GRADIENTS[0]), each.trainable_variables)
    contracts.assert_same_weights(model, loaded)


@pytest.mark.oldest
@every_plan
def test_a_copy_has_numbers_of_its_own(make, numbers, plan):
    optimizer = make(**numbers)
    config, twin = optimizer.get_config(), copy.deepcopy(optimizer)
    assert twin.get_config() == config
    for changes in plan.values():
        planes.assign(twin, changes)
        for name, value in changes.items():
            assert planes.number(twin, name) == pytest.approx(value)
    assert optimizer.get_config() == config
    assert not {id(v) for v in optimizer.variables} & {id(v) for v in twin.variables}


@pytest.mark.backend("jax")
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize(
    ("optimizer", "name", "access_path"),
    [
        (Adam(), "beta_1", "self.model.optimizer"),
        (NAG(clipping=AdaptiveClipping()), "factor", "self.model.optimizer.clipping"),
    ],
)
def test_are_refused_where_the_jax_trainer_would_overwrite_them(optimizer, name, access_path, hook):
    owner = optimizer.clipping or optimizer
    before = getattr(owner, name)
    past = keras.callbacks.LambdaCallback(
        **{hook: lambda step, logs: step and setattr(owner, name, 0.5)}
    )
    message = (
        f"`{name}` must be assigned through the callback's `self.model` while an epoch runs on "
        f"JAX: `{access_path}.{name} = 0.5`. Received: {name}=0.5"
    )
    with pytest.raises(RuntimeError, match=re.escape(message)):
        planes.fit(planes.compiled(optimizer), callbacks=[past])
    assert getattr(owner, name) == before
