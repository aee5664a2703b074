"""Searches that are killed at random instants."""

import pytest

from tests.contracts import run_in_fresh_process
from tests.tuner import killing
from tests.tuner.searches import TUNERS

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    "kills", [6, pytest.param(20, marks=pytest.mark.short())], ids="{} kills".format
)
@pytest.mark.parametrize("kind", TUNERS)
def test_a_killed_search_ends_as_if_never_killed(kind, kills, tmp_path):
    code = f"import runpy; runpy.run_module({killing.__name__!r}, run_name='__main__')"
    lines = run_in_fresh_process(code, tmp_path, kind, kills, 30).splitlines()
    assert len(lines) == kills + 1
    assert lines[-1].endswith(killing.AS_PROMISED)
