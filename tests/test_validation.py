"""What every constructor takes for a number, a bool or a name, and what it says of all else."""

import inspect
import json
import math
import re
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from keras import ops

import keras_trainkit
from keras_trainkit import _validation
from keras_trainkit.layers import Dropout
from keras_trainkit.optimizers import NAG

REQUIRED = {
    "rate": 0.5,
    "d_model": 4,
    "decay_rate": 0.5,
    "decay_steps": 10,
    "first_decay_steps": 10,
    "initial_learning_rate": 0.5,
    "learning_rate": 0.5,
    "max_learning_rate": 1.0,
    "step_size": 10,
}
# Values for those that are None by default.
OPTIONAL = {
    "baseline": 0.5,
    "clipnorm": 0.5,
    "divergence": 2.0,
    "ema_overwrite_frequency": 3,
    "every": 2,
    "fan_in": 3,
    "ghost_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "loss_scale_factor": 2.0,
    "max_gap": 0.5,
    "target": 0.5,
    "weight_decay": 0.5,
}
DURATIONS = {"decay_steps", "first_decay_steps", "step_size", "warmup_steps"}
PARTS = "optimizers", "layers", "initializers", "schedules", "callbacks"


def constructors():
    """Yield the classes that a user makes of numbers, and a value for each of these."""
    for part in PARTS:
        for cls in filter(inspect.isclass, vars(getattr(keras_trainkit, part)).values()):
            parameters = inspect.signature(cls).parameters.values()
            needed = {p.name for p in parameters if p.default is p.empty and p.kind < p.VAR_KEYWORD}
            if needed <= REQUIRED.keys():
                known = {**REQUIRED, **OPTIONAL}
                values = {p.name: known.get(p.name, p.default) for p in parameters}
                numbers = {k: v for k, v in values.items() if isinstance(v, bool | int | float)}
                if numbers:
                    yield pytest.param(cls, needed, numbers, id=cls.__name__)


CASES = list(constructors())


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (NAG, r"`learning_rate` must be a number in \[0, inf\). Received: learning_rate="),
        (Dropout, r"`rate` must be a number in \[0, 1.. Received: rate="),
    ],
)
def test_a_tensor_is_no_number_on_any_backend(make, received):
    number = ops.convert_to_tensor(0.1)
    with pytest.raises(ValueError, match=rf"{received}.*0\.1.* \(an? {type(number).__name__}\)$"):
        make(number)


@pytest.mark.host
@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (_validation.real, Fraction(1, 2), 0.5),
        (_validation.real, np.float16(0.5), 0.5),
        (_validation.positive, np.array(3), 3.0),
        (_validation.integer, np.uint8(3), 3),
        (_validation.boolean, np.bool_(True), True),
        (partial(_validation.one_of, choices=("min", "max")), np.str_("min"), "min"),
        (partial(_validation.one_of, choices=("auto", 0, 1)), np.int64(1), 1),
    ],
)
def test_what_is_kept_is_pythons_own(check, value, expected):
    found = check("x", value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.host
@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (_validation.real, True, "a number in (-inf, inf). Received: x=True"),
        (_validation.real, "1", "a number in (-inf, inf). Received: x='1'"),
        (_validation.real, None, "a number in (-inf, inf). Received: x=None"),
        (_validation.real, math.nan, "in (-inf, inf). Received: x=nan"),
        (_validation.real, 10**400, f"in (-inf, inf). Received: x=1{'0' * 400}"),
        (
            _validation.positive,
            np.zeros(2),
            "a number > 0. Received: x=array([0., 0.]) (a ndarray)",
        ),
        (_validation.positive, np.float32(0), "a number > 0. Received: x=np.float32(0.0)"),
        (_validation.integer, 2.0, "an integer. Received: x=2.0"),
        (
            _validation.integer,
            np.timedelta64(2, "s"),
            "an integer. Received: x=np.timedelta64(2,'s",
        ),
        (_validation.boolean, 1, "a bool. Received: x=1"),
        (
            partial(_validation.one_of, choices=("a", None)),
            "b",
            "one of 'a', None. Received: x='b'",
        ),
        (partial(_validation.one_of, choices=("a", None)), ["a"], "Received: x=['a']"),
        (_validation.boolean, list(range(99)), f"x={str(list(range(99)))[:80]}..."),
    ],
)
def test_one_sentence_says_what_is_wrong(check, value, message):
    with pytest.raises(ValueError, match=rf"^`x` must be .*{re.escape(message)}"):
        check("x", value)


def made(cls, needed, **arguments):
    return cls(**{**{name: REQUIRED[name] for name in needed}, **arguments})


@pytest.mark.host
def test_the_walk_meets_every_part():
    found = {case.id: len(case.values[2]) for case in CASES}
    assert {"NAG", "AdamW", "PercentileClipping", "Dropout", "HeNormal", "CosineDecay"} < set(found)
    assert {"EarlyStopping", "GradientMonitor", "BatchNormalization"} < set(found)
    assert sum(found.values()) > 130


@pytest.mark.host
@pytest.mark.parametrize(("cls", "needed", "numbers"), CASES)
def test_numpy_is_taken_for_the_number_that_it_holds(cls, needed, numbers):
    for name, value in numbers.items():
        plain = made(cls, needed, **{name: value})
        for array in (np.asarray(value), np.asarray(value)[()]):
            instance = made(cls, needed, **{name: array})
            if hasattr(plain, "get_config"):
                assert config_of(instance) == config_of(plain), name


def config_of(instance):
    return json.dumps({**instance.get_config(), "name": None})


@pytest.mark.host
@pytest.mark.parametrize(("cls", "needed", "numbers"), CASES)
def test_of_a_wrong_type_the_message_names_the_type(cls, needed, numbers):
    for name in numbers.keys() - DURATIONS:
        for wrong, end in [
            (ops.ones((2, 2)), r"\(a Tensor\)"),
            ({1}, r"\(a \w*[sS]et\)"),
            (1j, "1j"),
        ]:
            with pytest.raises(ValueError, match=f"`{name}` must be ") as error:
                made(cls, needed, **{name: wrong})
            assert re.search(rf"Received: {name}=.*{end}$", str(error.value))
