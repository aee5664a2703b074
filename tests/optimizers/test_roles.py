"""Which variables of which layer decay by their role: kernels, embeddings, and nothing else."""

import contextlib
import inspect
import itertools

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.optimizers import NAG, Adam, AdamW, Nadam
from tests import contracts
from tests.optimizers import planes
from tests.optimizers.every_layer import ARGUMENTS, CASES, INPUTS, OTHERS, WITHOUT

NUMBERS = {"learning_rate": 0.1, "weight_decay": 0.5}
LEFT = 1 - 0.1 * 0.5

ON_TORCH = pytest.mark.backend("torch")


def decayed(optimizer, variables):
    """Return the variables that a step without gradients makes smaller."""
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    planes.push(optimizer, variables)
    least = [float(contracts.array(variable).min()) for variable in variables]
    assert all(value == 1 or value == pytest.approx(LEFT) for value in least)
    return [variable for variable, value in zip(variables, least, strict=True) if value < 1]


def ones(shape):
    return list(map(ones, shape)) if isinstance(shape, list) else np.ones(shape, "float32")


@pytest.mark.host
@pytest.mark.oldest
@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=ON_TORCH if "Torch" in c else ()) for c in CASES]
)
def test_of_a_layer_kernels_and_embeddings_decay(case):
    make, shapes, weights, others, *then = CASES[case]
    layer = make()
    layer(*map(ones, shapes))
    for change in then:
        change(layer)
    inside = {id(v): v.path.rpartition(f"{layer.name}/")[2] for v in layer.trainable_variables}
    assert sorted(inside.values()) == sorted(f"{weights} {others}".split())
    found = decayed(AdamW(**NUMBERS), layer.trainable_variables)
    assert sorted(inside[id(variable)] for variable in found) == sorted(weights.split())


def built(name):
    """Return a layer called on the first arguments and inputs that suit it."""
    for given, batch in itertools.product(ARGUMENTS, INPUTS):
        with contextlib.suppress(Exception):
            layer = getattr(layers, name)(*given, **WITHOUT.get(name, {}))
            layer(batch)
            return layer
    raise AssertionError(f"no arguments suit {name}: give it some, or a case if it has weights")


@pytest.mark.host
def test_no_layer_of_keras_is_left_out():
    classes = {
        value: name
        for name, value in inspect.getmembers(layers, inspect.isclass)
        if issubclass(value, keras.Layer)
    }
    cases = {getattr(layers, case.partition(" ")[0]) for case in CASES}
    left = [classes[c] for c in classes if c not in cases and classes[c] not in OTHERS]
    assert len(left) > 60
    for name in left:
        assert not built(name).trainable_variables, name


@pytest.mark.host
@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        # The last word that tells a role decides.
        ("kernel", (3,), True),
        ("class_embedding", (3,), True),
        ("position_embeddings", (2, 3), True),
        ("scaled_kernel_2", (2, 3), True),
        ("kernel_scale", (2, 3), False),
        ("relative_position_bias_table", (2, 3), False),
        ("gate_up_proj_bias", (2, 3), False),
        ("outBias", (2, 3), False),
        ("biases_1", (2, 3), False),
        ("layer_scalar", (2, 3), False),
        ("b", (1, 3), False),
        ("b_query", (2, 3), False),
        ("b_1", (2, 3), False),
        ("proj_b", (2, 3), True),
        # Where none does, the rank.
        ("w", (2, 3), True),
        ("variable_7", (2, 3), True),
        ("scores", (2, 3), True),
        ("unbiased", (2, 3), True),
        ("expert_feedforward_gate_dense", (2, 2, 3), True),
        ("weight", (3,), False),
        ("cls_token", (3,), False),
        ("concat_score_weight", (), False),
    ],
)
def test_the_name_tells_the_role_and_else_the_rank(name, shape, expected):
    with keras.name_scope("bias"):  # A layer's name is not its variables'.
        variable = keras.Variable(np.ones(shape), name=name)
    assert decayed(AdamW(**NUMBERS), [variable]) == ([variable] if expected else [])


@pytest.mark.parametrize("cls", [NAG, Adam, Nadam])
def test_every_rule_decides_by_role_on_request(cls):
    variables = planes.named(("net/kernel", "net/gamma"))
    assert decayed(cls(**NUMBERS), variables) == variables
    optimizer = contracts.assert_round_trips(cls(**NUMBERS, weight_decay_min_rank=None))
    assert decayed(optimizer, variables) == variables[:1]


@pytest.mark.oldest
def test_a_config_with_the_former_default_decays_by_rank():
    optimizer = AdamW.from_config({**AdamW(**NUMBERS).get_config(), "weight_decay_min_rank": 2})
    variables = planes.named(("net/query/bias", "net/query/kernel"))
    assert decayed(optimizer, variables) == variables


def test_leaves_the_biases_of_attention_and_of_gru():
    attention, gru = layers.MultiHeadAttention(2, 3), layers.GRU(3)
    attention.build(*[(None, 4, 3)] * 2)
    gru.build((None, 4, 3))
    variables = attention.trainable_variables + gru.trainable_variables
    ranks = [len(variable.shape) for variable in variables if variable.name == "bias"]
    assert ranks == [2, 2, 2, 1, 2]
    found = decayed(AdamW(**NUMBERS), variables)
    assert [v.name for v in found] == ["kernel"] * 5 + ["recurrent_kernel"]
