"""The mistakes of `make mutants`: each can still be made, and in every part of the package."""

from collections import Counter

import pytest

from tests.mutants import MUTANTS
from tests.mutants.__main__ import Outcome, named, report
from tests.mutants.mutant import PACKAGE, ROOT, Mutant, mirrored, problem_of

pytestmark = pytest.mark.host


def test_their_texts_occur_once_and_change_the_files():
    problems = {named(mutant): problem_of(mutant) for mutant in MUTANTS}
    assert {line: problem for line, problem in problems.items() if problem} == {}


def test_none_is_made_twice():
    assert not [line for line, count in Counter(map(named, MUTANTS)).items() if count > 1]
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


def test_they_are_in_every_part_and_on_every_backend():
    parts = {path.name for path in (ROOT / PACKAGE).iterdir() if path.is_dir()} - {"__pycache__"}
    assert {mutant.file.partition("/")[0] for mutant in MUTANTS} >= parts
    backends = Counter(mutant.runs_on for mutant in MUTANTS)
    assert min(backends["tensorflow"], backends["jax"]) >= 10


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("optimizers/adam.py", ["optimizers/test_adam.py", "optimizers"]),
        ("callbacks/_early_stopping/limits.py", ["callbacks/early_stopping"]),
        ("schedules/_time.py", ["schedules"]),
        ("_archive.py", ["test_archive.py"]),
        ("_patching.py", []),
    ],
)
def test_a_file_has_the_tests_in_the_place_that_mirrors_its_own(file, tests):
    assert mirrored(file) == tests


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"file": "nowhere.py"}, "there is no such file"),
        ({"old": "no such text"}, "'no such text' occurs 0 times"),
        ({"old": "self"}, "'self' occurs"),
        ({"new": "epsilon: float = (1e-8),"}, "it changes nothing"),
        ({"new": "epsilon: float = ,"}, "it is no Python"),
        ({"tests": "nowhere.py"}, "there are no tests tests/nowhere.py"),
        ({"backend": "numpy"}, "'numpy' is no backend"),
    ],
)
def test_what_is_no_mutant_is_told(changes, problem):
    sound = {"file": "optimizers/adam.py", "old": "epsilon: float = 1e-8,", "mistake": "larger"}
    sound["new"] = "epsilon: float = 1e-7,"
    assert problem_of(Mutant(**sound)) == ""
    assert problem_of(Mutant(**sound | changes)).startswith(problem)


@pytest.mark.parametrize(
    ("verdicts", "enough"),
    [
        (["killed"] * 18 + ["timeout", "survived"], True),
        (["killed"] * 18 + ["survived"] * 2, False),
        (["killed"] * 19 + ["broken"], False),
    ],
)
def test_most_must_be_killed_and_none_may_be_broken(verdicts, enough, capsys):
    outcomes = [Outcome(MUTANTS[0], verdict, 1.0) for verdict in verdicts]
    assert report(outcomes) == enough
    assert capsys.readouterr().out.startswith("20 mutants: ")
