"""Searches that are killed at random instants."""

import pytest

from tests.contracts import run_in_fresh_process
from tests.tuner import killing
from tests.tuner.searches import TUNERS

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    ("kills", "trials"), [(4, 10), pytest.param(20, 30, marks=pytest.mark.short())]
)
def test_a_killed_search_ends_as_if_never_killed(kills, trials, tmp_path):
    code = f"import runpy; runpy.run_module({killing.__name__!r}, run_name='__main__')"
    lines = run_in_fresh_process(code, tmp_path, kills, trials, *TUNERS).splitlines()
    assert len(lines) == len(TUNERS)
    for kind, line in zip(TUNERS, lines, strict=True):
        assert line.startswith(f"{kind}: {kills} kills, ")
        assert line.endswith(killing.AS_PROMISED)
