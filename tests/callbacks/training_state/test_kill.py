"""A training that is killed in earnest, at random instants and in the middle of its writing."""

import keras
import pytest

from tests.callbacks.training_state import killing
from tests.contracts import run_in_fresh_process

ON_TORCH = keras.backend.backend() == "torch"
HUNDRED = pytest.param(100, marks=pytest.mark.short())


def kill(folder, signal, trainings):
    code = f"import runpy; runpy.run_module({killing.__name__!r}, run_name='__main__')"
    *lines, last = run_in_fresh_process(code, folder, signal, trainings, 7, "epoch").splitlines()
    assert [line for line in lines if not line.endswith(killing.AS_PROMISED)] == []
    assert len(lines) == trainings
    assert last.endswith(" 0 trainings not as promised")


@pytest.mark.parametrize("trainings", [3 if ON_TORCH else 2, HUNDRED])
def test_a_killed_training_ends_as_if_never_killed(trainings, tmp_path):
    kill(tmp_path, "SIGKILL", trainings)


@pytest.mark.parametrize("trainings", [2 if ON_TORCH else 1, HUNDRED])
def test_a_training_that_is_asked_to_end_loses_no_step_and_leaves_the_best_weights(
    trainings, tmp_path
):
    kill(tmp_path, "SIGTERM", trainings)
