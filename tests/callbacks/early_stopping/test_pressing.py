"""Ctrl-C twice and more, at random instants: the best weights come back and the report says so."""

import keras
import pytest

from tests.callbacks.early_stopping import pressing
from tests.contracts import run_in_fresh_process

ON_TORCH = keras.backend.backend() == "torch"


# TensorFlow itself damages its memory, and aborts, at one of some 400 exceptions that a signal
# raises, with early stopping and without. The script runs there by hand.
@pytest.mark.backend("torch", "jax")
@pytest.mark.parametrize(
    "trainings", [16 if ON_TORCH else 8, pytest.param(200, marks=pytest.mark.short())]
)
def test_nothing_is_lost_when_ctrl_c_comes_twice(trainings, tmp_path):
    code = f"import runpy; runpy.run_module({pressing.__name__!r}, run_name='__main__')"
    lines = run_in_fresh_process(code, tmp_path, trainings).splitlines()
    assert len(lines) == trainings
    assert [line for line in lines if not line.endswith(pressing.WHOLE)] == []
