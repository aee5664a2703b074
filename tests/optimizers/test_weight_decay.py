"""Which weights decay: by rank, path and regular expression, and in every copy and file.

`test_roles` has those that decay by their role.
"""

import copy
import json
import re

import keras
import numpy as np
import pytest

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests import contracts
from tests.optimizers import planes

PATHS = ("net/embedding/table", "net/dense/kernel", "net/dense_1/kernel", "net/dense_1/mixing")
LOSS = 0.1 * 0.5  # learning_rate * weight_decay
NUMBERS = {"learning_rate": 0.1, "weight_decay": 0.5}


def largest(variable):
    return float(contracts.array(variable).max())


def decayed(optimizer, variables):
    """Return the paths of the variables that a step without gradients makes smaller."""
    planes.push(optimizer, variables)
    for variable in variables:
        assert largest(variable) in (1.0, pytest.approx(1 - LOSS))
    return [variable.path for variable in variables if largest(variable) < 1]


@pytest.mark.parametrize("cls", [NAG, Adam, Nadam, AdamW])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_acts_from_the_least_rank_on(cls, rank):
    shapes = [(), (3,), (3, 2), (2, 2, 3)]
    variables = [keras.Variable(np.ones(shape), name=f"rank_{len(shape)}") for shape in shapes]
    found = decayed(cls(**NUMBERS, weight_decay_min_rank=rank), variables)
    assert found == [f"rank_{r}" for r in range(rank, 4)]


def test_adamw_alone_decides_by_role_by_default():
    assert (AdamW().weight_decay_min_rank, AdamW().weight_decay) == (None, 0.004)
    for cls in (NAG, Adam, Nadam):
        assert (cls().weight_decay_min_rank, cls().weight_decay) == (0, None)


@pytest.mark.parametrize(
    ("patterns", "excluded"),
    [
        ((), []),
        (["net/embedding/table"], [0]),
        (["embedding"], [0]),
        (["dense"], [1]),
        (["dense.*"], [1, 2, 3]),
        (["kernel", "embedding"], [0, 1, 2]),
        (["dense_1/kernel"], [2]),
        (["(em|im)bedding/t.*", "mixing"], [0, 3]),
        (["net"], [0, 1, 2, 3]),
    ],
)
def test_leaves_what_a_path_or_pattern_fits(patterns, excluded):
    found = decayed(AdamW(**NUMBERS, weight_decay_exclude=patterns), planes.named(PATHS))
    assert found == [path for i, path in enumerate(PATHS) if i not in excluded]


@pytest.mark.parametrize(
    "exclusion",
    [lambda v: {"var_list": [v[0], v[2]]}, lambda v: {"var_names": ["able", "mix|none"]}],
)
def test_leaves_what_keras_would(exclusion):
    ours, theirs = planes.named(PATHS), planes.named(PATHS)
    mine = AdamW(**NUMBERS, weight_decay_min_rank=0)
    keras_adamw = keras.optimizers.AdamW(**NUMBERS)
    mine.exclude_from_weight_decay(**exclusion(ours))
    keras_adamw.exclude_from_weight_decay(**exclusion(theirs))
    planes.push(keras_adamw, theirs)
    expected = [variable.path for variable in theirs if largest(variable) < 1]
    assert decayed(mine, ours) == expected
    assert len(expected) == 2


def test_an_exclusion_after_the_first_step_is_refused():
    optimizer = AdamW()
    optimizer.build(planes.named(PATHS))
    with pytest.raises(ValueError, match="`exclude_from_weight_decay` must be called before the"):
        optimizer.exclude_from_weight_decay(var_names=["table"])


@pytest.mark.oldest
def test_an_exclusion_is_in_every_copy():
    variables = planes.named(PATHS)
    optimizer = AdamW(**NUMBERS, weight_decay_exclude=["dense"])
    optimizer.exclude_from_weight_decay(var_list=[variables[0]], var_names=["mixing"])
    copies = [
        contracts.assert_round_trips(optimizer),
        AdamW.from_config(json.loads(json.dumps(optimizer.get_config()))),  # as KerasTuner
        copy.deepcopy(optimizer),
    ]
    for each in (optimizer, *copies):
        assert decayed(each, planes.named(PATHS)) == ["net/dense_1/kernel"]


LOAD = """
import sys
import keras, numpy as np, keras_trainkit
model = keras.models.load_model(sys.argv[1])
x = np.zeros((4, 3), "float32")
model.fit(x, x[:, :2], batch_size=4, verbose=0)
np.savez(sys.argv[2], *model.get_weights())
"""


@pytest.mark.oldest
def test_an_exclusion_holds_in_a_new_process(tmp_path):
    body, head = keras.layers.Dense(4, name="body"), keras.layers.Dense(2, name="head")
    model = keras.Sequential([keras.Input((3,)), body, head])
    optimizer = AdamW(**NUMBERS, weight_decay_min_rank=1)
    optimizer.exclude_from_weight_decay(var_list=[head.kernel], var_names=["bias"])
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    before = model.get_weights()
    model.save(tmp_path / "model.keras")
    contracts.run_in_fresh_process(LOAD, tmp_path / "model.keras", tmp_path / "weights.npz")
    stored = np.load(tmp_path / "weights.npz")
    kernel, *others = (stored[name] for name in stored.files)
    contracts.assert_close(kernel, before[0] * (1 - LOSS))
    for weight, old in zip(others, before[1:], strict=True):
        np.testing.assert_array_equal(weight, old)


def test_equals_keras_adamw_where_everything_decays():
    ours, theirs = (planes.compiled("sgd").trainable_variables for _ in range(2))
    arguments = {**NUMBERS, "epsilon": 1e-2, "beta_2": 0.9}
    mine = AdamW(**arguments, weight_decay_min_rank=0, epsilon_hat=True)
    keras_adamw = keras.optimizers.AdamW(**arguments)
    for row in planes.GRADIENTS:
        mine.apply(planes.gradients(row), ours)
        keras_adamw.apply(planes.gradients(row), theirs)
    for variable, other in zip(ours, theirs, strict=True):
        contracts.assert_close(variable, other)


def test_leaves_batch_normalization_and_biases():
    def trained(optimizer):
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]
        )
        model.compile(optimizer, "mse")
        x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
        model.fit(x, np.ones((16, 4)), batch_size=16, verbose=0)
        return {variable.name: contracts.array(variable) for variable in model.trainable_variables}

    plain, found = trained(Adam(0.1)), trained(AdamW(**NUMBERS))
    for name in ("bias", "gamma", "beta"):
        contracts.assert_close(found[name], plain[name])
    assert np.abs(found["kernel"] - plain["kernel"]).max() > 0.5 * LOSS


def test_a_pattern_that_fits_nothing_warns():
    message = "`weight_decay_exclude` names 'norm', which no variable fits: net/embedding/table, "
    with pytest.warns(UserWarning, match=re.escape(message)):
        AdamW(weight_decay_exclude=["dense", "norm"]).build(planes.named(PATHS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"weight_decay_exclude": ["dense", "("]},
            "`weight_decay_exclude` must be made of paths or regular expressions. Received: "
            "weight_decay_exclude='('",
        ),
        (
            {"weight_decay_exclude": "dense"},
            "`weight_decay_exclude` must be a sequence of paths or regular expressions. Received: "
            "weight_decay_exclude='dense'",
        ),
        ({"weight_decay_exclude": [2]}, "Received: weight_decay_exclude=2"),
        (
            {"weight_decay_min_rank": -1},
            "`weight_decay_min_rank` must be an integer >= 0. Received: weight_decay_min_rank=-1",
        ),
    ],
)
def test_bad_argument_is_refused_with_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Nadam(**arguments)
