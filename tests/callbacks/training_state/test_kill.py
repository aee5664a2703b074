"""A training that is killed in earnest, at random instants and in the middle of its writing."""

import os
import subprocess
import sys

import keras
import pytest

from tests.callbacks.training_state import killing

TRAININGS = int(os.environ.get("KILLS", "5"))


@pytest.mark.newest
def test_a_killed_training_ends_as_if_never_killed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", killing.__name__, tmp_path, str(TRAININGS), "epoch", "7"],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = done.stdout.splitlines()
    assert len(lines) == TRAININGS
    assert [line for line in lines if not line.endswith(killing.EQUAL)] == []
    assert not any("killed 0 times" in line for line in lines)
