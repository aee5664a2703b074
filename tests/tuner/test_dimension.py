"""The convention that every argument of a space follows."""

from functools import partial

import pytest
from keras_tuner import HyperParameters

from keras_trainkit import _validation
from keras_trainkit.tuner.spaces._dimension import dimension

pytestmark = pytest.mark.host

share = partial(_validation.real, low=0.0, high=1.0)
count = partial(_validation.integer, low=1)
letter = partial(_validation.one_of, choices=("a", "b", "c"))


def declared(argument, check, **options):
    """Return the value at the start of a search, and the hyperparameter, if there is one."""
    hp = HyperParameters()
    value = dimension("scope/name", argument, check, **{"default": 1, **options}).declare(hp)
    return value, next(iter(hp.space), None)


@pytest.mark.parametrize(
    ("argument", "check", "value"),
    [
        (0.5, share, 0.5),
        (3, count, 3),
        ("a", letter, "a"),
        ([0.5], share, 0.5),
        (["a"], letter, "a"),
    ],
)
def test_one_value_is_no_hyperparameter(argument, check, value):
    assert declared(argument, check) == (value, None)


def test_none_is_the_default_space():
    value, hyperparameter = declared(None, count, default=(1, 3))
    assert value == 2
    assert hyperparameter.get_config()["max_value"] == 3


def test_false_is_off_where_a_part_can_be_off():
    assert declared(False, share, off="nothing") == ("nothing", None)
    assert declared(False, _validation.boolean) == (False, None)
    with pytest.raises(ValueError, match="`name` must be a number in"):
        declared(False, share)


@pytest.mark.parametrize(
    ("argument", "check", "log", "kind", "sampling", "middle"),
    [
        ((0.0, 1.0), share, False, "Float", "linear", 0.5),
        ((0, 1), share, False, "Float", "linear", 0.5),
        ((0.01, 1.0), share, True, "Float", "log", 0.1),
        ((2, 8), count, False, "Int", "linear", 5),
        ((2, 8), count, True, "Int", "log", 4),
    ],
)
def test_two_numbers_in_a_tuple_are_a_range(argument, check, log, kind, sampling, middle):
    value, hyperparameter = declared(argument, check, log=log)
    assert value == pytest.approx(middle)
    assert type(hyperparameter).__name__ == kind
    config = hyperparameter.get_config()
    assert (config["min_value"], config["max_value"]) == argument
    assert config["sampling"] == sampling


@pytest.mark.parametrize(
    ("argument", "check", "values"),
    [
        ([0.1, 0.2, 1], share, [0.1, 0.2, 1.0]),
        ([2, 8], count, [2, 8]),
        (["a", "b"], letter, ["a", "b"]),
        (("a", "b"), letter, ["a", "b"]),
        (("c", "a", "b"), letter, ["c", "a", "b"]),
    ],
)
def test_a_list_or_names_are_a_choice(argument, check, values):
    value, hyperparameter = declared(argument, check)
    assert value == values[0]
    assert hyperparameter.get_config()["values"] == values


@pytest.mark.parametrize("argument", [[True, False], (False, True)])
def test_bools_are_a_boolean(argument):
    value, hyperparameter = declared(argument, _validation.boolean)
    assert value is argument[0]
    assert type(hyperparameter).__name__ == "Boolean"


@pytest.mark.parametrize(
    ("argument", "check", "message"),
    [
        (1.5, share, "`name` must be in [0, 1]. Received: name=1.5"),
        ([0.5, 1.5], share, "`name` must be in [0, 1]. Received: name=1.5"),
        ((0.5, 1.5), share, "`name` must be in [0, 1]. Received: name=1.5"),
        (
            (3, 1),
            count,
            "`name` must be a range (low, high) with low < high. Received: name=(3, 1)",
        ),
        (
            (2, 2),
            count,
            "`name` must be a range (low, high) with low < high. Received: name=(2, 2)",
        ),
        (
            (1, 2, 3),
            count,
            "`name` must be a range (low, high) with low < high. Received: name=(1, 2, 3)",
        ),
        ([], count, "`name` must be a list of different values. Received: name=[]"),
        ([2, 2], count, "`name` must be a list of different values. Received: name=[2, 2]"),
        ("d", letter, "`name` must be one of 'a', 'b', 'c'. Received: name='d'"),
        (("a", "d"), letter, "`name` must be one of 'a', 'b', 'c'. Received: name='d'"),
    ],
)
def test_says_what_is_wrong_with_an_argument(argument, check, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        declared(argument, check)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("parent", "other"), [((1, 3), 1), ([1, 3], 1), (("a", "b"), "a"), ([False, True], False)]
)
def test_a_child_is_known_before_its_parent_makes_it_active(parent, other):
    parent = dimension("parent", parent, lambda name, value: value, default=None)
    child = dimension("child", (0.0, 1.0), share, default=None)
    values = [value for value in parent.values if value != other]
    hp = HyperParameters()
    hp.values["parent"] = other
    parent.declare(hp)
    assert child.declare_when(hp, parent, values) is None
    assert [each.name for each in hp.space] == ["parent", "child"]
    hp.values["parent"] = values[-1]
    hp.ensure_active_values()
    assert child.declare_when(hp, parent, values) == hp.values["child"]


def test_a_fixed_parent_decides_at_once():
    hp = HyperParameters()
    parent = dimension("parent", "a", letter, default=None)
    child = dimension("child", (0.0, 1.0), share, default=None)
    constant = dimension("constant", 0.3, share, default=None)
    assert child.declare_when(hp, parent, ["b"]) is None
    assert constant.declare_when(hp, parent, ["b"]) is None
    assert hp.space == []
    assert child.declare_when(hp, parent, ["a", "b"]) == 0.5
    assert constant.declare_when(hp, parent, ["a", "b"]) == 0.3
    assert [each.name for each in hp.space] == ["child"]


def test_a_fixed_child_has_no_value_where_its_parent_rules_it_out():
    hp = HyperParameters()
    parent = dimension("parent", ("a", "b"), letter, default=None)
    constant = dimension("constant", 0.3, share, default=None)
    parent.declare(hp)
    assert constant.declare_when(hp, parent, ["a"]) == 0.3
    assert constant.declare_when(hp, parent, ["b"]) is None
