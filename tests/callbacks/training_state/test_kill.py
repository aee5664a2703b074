"""A training that is killed in earnest, at random instants and in the middle of its writing."""

import keras
import pytest

from tests.callbacks.training_state import killing
from tests.contracts import run_in_fresh_process

ON_TORCH = keras.backend.backend() == "torch"


@pytest.mark.parametrize(
    "trainings", [5 if ON_TORCH else 2, pytest.param(100, marks=pytest.mark.short())]
)
def test_a_killed_training_ends_as_if_never_killed(trainings, tmp_path):
    code = f"import runpy; runpy.run_module({killing.__name__!r}, run_name='__main__')"
    lines = run_in_fresh_process(code, tmp_path, trainings, 7, "epoch").splitlines()
    assert len(lines) == trainings
    assert [line for line in lines if not line.endswith(killing.EQUAL)] == []
    assert not any("killed 0 times" in line for line in lines)
