"""The points of a grid: which they are, in which order, and that a search ends with them."""

import itertools
from collections import Counter

import pytest
from keras_tuner import HyperParameters

from keras_trainkit.tuner._oracle import grid
from keras_trainkit.tuner._oracle.distributions import parameters
from tests.tuner.oracle.spaces import conditional, every_kind
from tests.tuner.searches import rows, searched, statuses, tuner

pytestmark = pytest.mark.host


def levels(*arguments, kind="Float", **options):
    """Return the levels of one hyperparameter, empty ones included."""
    space = HyperParameters()
    getattr(space, kind)("x", *arguments, **options)
    ladder = grid.Ladder(parameters(space)[0])
    return [ladder.level(number) for number in range(ladder.height + 1)]


def flat(values):
    return list(itertools.chain.from_iterable(values))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (levels(["a", "b", "c"], kind="Choice", default="b"), [["b"], ["a", "c"]]),
        (levels(kind="Boolean"), [[False], [True]]),
        (levels("here", kind="Fixed"), [["here"]]),
        (levels(0.0, 8.0, default=4.0), [[4], [0, 8], [], [2, 6], [1, 3, 5, 7]]),
        (levels(1, 5, kind="Int"), [[1], [5], [3], [2, 4]]),
        (levels(1, 5, kind="Int", step=2), [[1], [5], [3]]),
        (levels(1, 256, kind="Int", sampling="log"), [[1], [256], [16], [4, 64], [2, 8, 32, 128]]),
        (levels(2, 16, kind="Int", step=2, sampling="log"), [[2], [16], [8], [4]]),
        (levels(0.5, 0.5), [[0.5]]),
    ],
)  # fmt: skip
def test_values_come_in_levels(found, expected):
    assert found == expected


def test_a_reversed_scale_is_dense_at_its_upper_end():
    *_, middle, _, _ = levels(0.1, 0.9, sampling="reverse_log", default=0.1)
    assert middle == [pytest.approx(0.7)]


def test_a_default_beside_a_value_by_rounding_alone_is_the_same_point():
    found = flat(levels(1e-4, 1e-1, sampling="log", default=(1e-4 * 1e-1) ** 0.5))
    assert found.count(pytest.approx(10**-2.5)) == 1


def test_every_step_has_its_turn_once():
    for count in (2, 3, 10, 17, 100):
        found = flat(levels(1, count, kind="Int", default=count // 2))
        assert sorted(found) == list(range(1, count + 1))


def test_the_grid_is_complete_and_has_no_point_twice():
    space = HyperParameters()
    space.Int("a", 1, 4)
    space.Choice("b", ["x", "y"])
    space.Float("c", 0, 1, step=0.5)
    found = [tuple(values.values()) for values in grid.points(parameters(space))]
    assert sorted(found) == list(itertools.product([1, 2, 3, 4], ["x", "y"], [0.0, 0.5, 1.0]))


def test_only_what_is_active_is_walked_through():
    found = list(grid.points(parameters(conditional())))
    kinds = Counter((values["optimizer"], values.get("momentum")) for values in found)
    assert kinds == {("sgd", False): 9, ("sgd", True): 81, ("adam", None): 9}
    assert len({str(values) for values in found}) == len(found)


def test_every_hyperparameter_is_tried_coarsely_before_any_is_refined():
    space = HyperParameters()
    for name in "abcdefgh":
        space.Float(name, 0, 1, default=0.5)
    first = list(itertools.islice(grid.points(parameters(space)), 17))
    assert first[0] == dict.fromkeys("abcdefgh", 0.5)
    changed = [[(k, v) for k, v in values.items() if v != 0.5] for values in first[1:]]
    assert changed == [[(name, end)] for name in "abcdefgh" for end in (0.0, 1.0)]


def test_a_point_far_behind_is_found_at_once():
    space = HyperParameters()
    for name in "abcdefgh":
        space.Int(name, 1, 10**9)
    assert len(list(itertools.islice(grid.points(parameters(space)), 2000))) == 2000


def small():
    space = HyperParameters()
    space.Choice("optimizer", ["sgd", "adam"])
    with space.conditional_scope("optimizer", ["sgd"]):
        space.Int("strength", 1, 4)
    space.Float("rate", 0, 1, step=0.5)
    return space


@pytest.mark.parametrize("stages", [[None], [5, None]], ids=str)
def test_a_search_ends_when_the_grid_is_exhausted_in_parts_too(stages, tmp_path):
    for trials in stages:
        made = searched(tmp_path, "GridSearch", space=small(), max_trials=trials)
    assert made.remaining_trials is None
    assert statuses(made) == ["COMPLETED"] * (3 * 4 + 3)
    points = list(grid.points(parameters(small())))
    assert [values for _, values, _, _ in rows(made)] == points
    assert rows(tuner(tmp_path, "GridSearch", space=small())) == rows(made)


def test_all_values_of_the_grid_are_within_their_ranges():
    for each in parameters(every_kind()):
        ladder = grid.Ladder(each)
        values = flat(ladder.level(number) for number in range(ladder.height + 1))
        assert all(each.allows(value) for value in values)
