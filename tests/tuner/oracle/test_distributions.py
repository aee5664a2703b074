"""KerasTuner's hyperparameters as Optuna's distributions."""

import optuna
import pytest
from keras_tuner import HyperParameters
from optuna.samplers import RandomSampler
from optuna.trial import create_trial

from keras_trainkit.tuner._oracle import history
from keras_trainkit.tuner._oracle.distributions import changes, parameters
from tests.tuner.oracle.spaces import conditional, every_kind

pytestmark = pytest.mark.host

KINDS = parameters(every_kind())


def draws(space, number=300):
    study = history.study([], parameters(space), "min", RandomSampler(1))
    return [history.proposal(study.ask(), parameters(space)) for _ in range(number)]


@pytest.fixture(scope="module")
def drawn():
    return draws(every_kind())


@pytest.mark.parametrize("name", [each.name for each in KINDS])
def test_every_value_is_one_of_the_hyperparameters_own(name, drawn):
    hyperparameter = next(each.hyperparameter for each in KINDS if each.name == name)
    values = [values[name] for values in drawn]
    kind = type(hyperparameter.default)
    assert {type(value) for value in values} == {kind}
    if hasattr(hyperparameter, "min_value"):
        assert hyperparameter.min_value <= min(values)
        assert max(values) <= hyperparameter.max_value
    else:
        assert set(values) == set(hyperparameter.values)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("int", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("int_step", [2, 5, 8]),
        ("int_log_step", [2, 4, 8, 16, 32]),
        # KerasTuner's own samples end at 0.9.
        ("float_step", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("float_short", [0.0, 0.3, 0.6, 0.9]),
        ("float_log_step", [0.001, 0.01, 0.1, 1.0, 10.0]),
        ("float_reverse_step", [1.0, 91.0, 100.0]),
        ("single", [0.5]),
    ],
)
def test_steps_reach_what_keras_tuner_documents(name, expected, drawn):
    assert sorted({values[name] for values in drawn}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "middle"),
    [("float", 0.0), ("float_log", 1e-3), ("int_log", 31), ("float_reverse", 0.79)],
)
def test_half_of_the_draws_are_below_the_middle_of_the_scale(name, middle, drawn):
    below = sum(values[name] < middle for values in drawn) / len(drawn)
    assert 0.4 < below < 0.6


def test_a_reversed_scale_is_dense_at_its_upper_end(drawn):
    assert sum(values["int_reverse"] > 900 for values in drawn) > len(drawn) / 2


def test_values_are_told_as_the_parameters_that_gave_them(drawn):
    for values in drawn[:20]:
        trial = create_trial(
            value=0.0,
            params={each.name: each.of(values[each.name]) for each in KINDS if each.distribution},
            distributions={each.name: each.distribution for each in KINDS if each.distribution},
        )
        for each in KINDS:
            again = each.drawn(optuna.trial.FixedTrial(trial.params))
            reversed_float = each.name == "float_reverse"  # Mirrored twice, it is rounded twice.
            expected = values[each.name]
            assert again == (pytest.approx(expected, rel=1e-12) if reversed_float else expected)


def test_only_what_is_active_has_a_value():
    names = {frozenset(values) for values in draws(conditional())}
    assert names == {
        frozenset({"optimizer", "rate", "momentum"}),
        frozenset({"optimizer", "rate", "momentum", "strength"}),
        frozenset({"optimizer", "rate"}),
    }


def test_a_name_that_stands_twice_is_two_parameters():
    assert [each.name for each in parameters(conditional())] == [
        "optimizer",
        "rate",
        "momentum",
        "strength",
        "rate (2)",
    ]
    for values in draws(conditional()):
        low, high = (1e-2, 1.0) if values["optimizer"] == "sgd" else (1e-4, 1e-2)
        assert low <= values["rate"] <= high


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("float", 7.0, 1.0),
        ("float_log", 0.0, 1e-5),
        ("int_step", 6, 5),
        ("float_step", 0.26, 0.3),
        ("int_reverse", 2000, 1),
        ("choice", "d", None),
        ("fixed", "here", None),
    ],
)
def test_a_value_outside_its_range_is_told_as_the_nearest_one(name, value, expected):
    parameter = next(each for each in KINDS if each.name == name)
    assert parameter.of(value) == (None if expected is None else pytest.approx(expected))


def space_with(**options):
    hp = HyperParameters()
    hp.Int("units", **{"min_value": 1, "max_value": 8, **options})
    hp.Choice("activation", ["relu", "tanh"])
    return hp


def test_no_change_is_seen_where_there_is_none():
    assert changes(every_kind(), every_kind()) == []
    assert changes(space_with(), space_with(default=3)) == []
    assert changes(HyperParameters(), every_kind()) == []


def test_changes_name_what_was_and_what_is():
    assert changes(space_with(), space_with(max_value=16)) == [
        "`units` was Int(min_value=1, max_value=8, step=1, sampling='linear') and is now "
        "Int(min_value=1, max_value=16, step=1, sampling='linear')"
    ]
    other = HyperParameters()
    other.Float("units", 1, 8)
    other.Choice("activation", ["relu"])
    found = changes(space_with(), other)
    assert [line.split()[0] for line in found] == ["`units`", "`activation`"]
