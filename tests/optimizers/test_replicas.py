"""Two replicas of TensorFlow and two devices of JAX train as one device does."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.contracts import run_in_fresh_process
from tests.optimizers import replicas


@pytest.mark.backend("tensorflow", "jax")
def test_two_devices_train_like_one():
    printed = run_in_fresh_process(Path(replicas.__file__).read_text())
    found = json.loads(printed.splitlines()[-1])
    assert found.keys() == replicas.RULES.keys()
    for name, (one, two) in found.items():
        assert (one["devices"], two["devices"]) == (1, 2)
        for mine, whole in zip(two["weights"], one["weights"], strict=True):
            np.testing.assert_allclose(mine, whole, rtol=0, atol=5e-7, err_msg=name)
        # The NaN of two fits of two epochs is on the second device alone.
        skipped = 4 if name in ("adamw", "torch-velocity") else 0
        assert (one["skipped"], two["skipped"]) == (skipped, skipped), name
        assert one["frequency"] == two["frequency"]
    assert 0 < found["nadam"][1]["frequency"] < 1
