from collections import Counter

import pytest

from benchmarks.diagnosis.broken import cases as broken_cases
from benchmarks.diagnosis.case import CONDITION_OF, Case, fault
from benchmarks.diagnosis.healthy import cases as healthy_cases
from benchmarks.diagnosis.parts import HELD_OUT, chosen
from benchmarks.diagnosis.recipe import Recipe
from benchmarks.diagnosis.recipes import MOONS
from benchmarks.diagnosis.split import HALVES, halves
from keras_trainkit.diagnosis.finding import CONDITIONS

pytestmark = pytest.mark.host

BROKEN, HEALTHY = broken_cases(), healthy_cases()
UNSEEN = {part: cases() for part, cases in HELD_OUT.items()}
of_each_part = pytest.mark.parametrize("part", HELD_OUT)


def test_there_are_as_many_of_each_kind_as_promised():
    assert len(BROKEN) >= 90
    assert len(HEALTHY) >= 60
    assert sum(len(case.faults) > 1 for case in BROKEN) >= len(BROKEN) / 4
    names = Counter(case.name for case in (*BROKEN, *HEALTHY))
    assert names.most_common(1)[0][1] == 1


def test_every_condition_and_detail_has_cases():
    stands_for = {each.name for case in BROKEN for each in case.faults}
    details = {detail for each in CONDITIONS.values() for detail in each}
    assert details <= {name for case in BROKEN for name in case.accepted}
    assert {CONDITION_OF[name] for name in stands_for} == set(CONDITIONS)


@of_each_part
def test_a_held_out_part_is_large_and_mixed(part):
    broken = [case for case in UNSEEN[part] if case.faults]
    assert len(broken) >= 50
    assert len(UNSEEN[part]) - len(broken) >= 36
    assert sum(len(case.faults) > 1 for case in broken) >= len(broken) / 5
    names = {each.name for case in broken for each in case.faults}
    assert len({CONDITION_OF[name] for name in names}) >= 0.7 * len(CONDITIONS)


@of_each_part
def test_a_held_out_part_shares_no_case_and_no_recipe_with_the_halves(part):
    everything = (*BROKEN, *HEALTHY, *UNSEEN[part])
    assert len({case.name for case in everything}) == len(everything)
    recipes = {id(case.recipe) for case in (*BROKEN, *HEALTHY)}
    assert not {id(case.recipe) for case in UNSEEN[part]} & recipes
    data = {_function(case.recipe.data) for case in (*BROKEN, *HEALTHY)}
    assert not {_function(case.recipe.data) for case in UNSEEN[part]} & data


def test_a_part_is_chosen_by_its_name():
    for part, cases in UNSEEN.items():
        assert [case.name for case in chosen(part, "")] == [case.name for case in cases]
    assert {case.name for case in chosen("both", "")} == {c.name for c in (*BROKEN, *HEALTHY)}
    assert len(chosen("tuned", "")) + len(chosen("reported", "")) == len(BROKEN) + len(HEALTHY)


def test_each_half_has_every_second_case_of_a_kind():
    found = halves((*BROKEN, *HEALTHY))
    everything = [case.name for name in HALVES for case in found[name]]
    assert sorted(everything) == sorted(case.name for case in (*BROKEN, *HEALTHY))
    tuned, reported = (Counter(case.label for case in found[name]) for name in HALVES)
    kinds = set(tuned | reported) - {"healthy"}
    assert all(abs(tuned[kind] - reported[kind]) <= 1 for kind in kinds)
    assert abs(len(found["tuned"]) - len(found["reported"])) <= len(kinds) / 4


def test_the_halves_do_not_depend_on_the_order_of_the_cases():
    one, other = halves((*BROKEN, *HEALTHY)), halves((*HEALTHY, *reversed(BROKEN)))
    for name in HALVES:
        assert {case.name for case in one[name]} == {case.name for case in other[name]}


def test_a_broken_recipe_differs_in_what_its_faults_say():
    case = Case(
        "two",
        MOONS,
        (
            fault("softmax_one_unit", output="softmax"),
            fault("label_encoding|bad_data", spoils=(_doubled,)),
        ),
    )
    assert case.broken.output == "softmax"
    assert case.broken.changes == (*MOONS.changes, _doubled)
    assert isinstance(case.recipe, Recipe)
    assert case.recipe is MOONS
    assert case.accepted == {"softmax_one_unit", "label_encoding", "bad_data"}
    assert (case.label, case.condition) == ("softmax_one_unit", "wrong_output_activation")
    assert case.detail == "softmax_one_unit"


def test_a_name_that_is_no_condition_is_refused():
    with pytest.raises(ValueError, match=r"`names` must be conditions or details\. Received: "):
        fault("dead_units|bad_luck")


def _function(data):
    return getattr(data, "func", data)


def _doubled(data):
    return data._replace(y=2 * data.y)
