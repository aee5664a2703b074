"""Trainings that are killed, or asked to end, at random instants and in the midst of writing."""

import keras
import pytest

from tests.callbacks.training_state import killing
from tests.contracts import run_in_fresh_process

ON_TORCH = keras.backend.backend() == "torch"
SIGNALS = ("SIGKILL", "SIGTERM")


@pytest.mark.parametrize(
    "trainings",
    [
        # Each process of JAX compiles anew.
        pytest.param(5 if ON_TORCH else 2, marks=pytest.mark.short("torch", "tensorflow")),
        pytest.param(200, marks=pytest.mark.short()),
    ],
)
def test_a_killed_training_ends_as_if_never_killed(trainings, tmp_path):
    code = f"import runpy; runpy.run_module({killing.__name__!r}, run_name='__main__')"
    arguments = (tmp_path, ",".join(SIGNALS), trainings, 7, "epoch")
    lines = run_in_fresh_process(code, *arguments).splitlines()
    each, summaries = lines[:trainings], lines[trainings:]
    assert [line for line in each if not line.endswith(killing.AS_PROMISED)] == []
    assert [line.split(":")[0] for line in summaries] == list(SIGNALS)
    assert all(line.endswith(f" 0 not {killing.AS_PROMISED}") for line in summaries)
