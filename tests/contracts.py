"""What every component must satisfy, written once; test files name the class and its oracle."""

import json
import os
import subprocess
import sys

import keras
import numpy as np

TOLERANCE = {
    "float64": {"rtol": 1e-10, "atol": 1e-12},
    "float32": {"rtol": 2e-5, "atol": 2e-6},
    "float16": {"rtol": 2e-3, "atol": 2e-3},
    "bfloat16": {"rtol": 2e-2, "atol": 2e-2},
}


def array(x) -> np.ndarray:
    """Return any tensor, variable or array as a NumPy array."""
    return keras.ops.convert_to_numpy(x)


def assert_close(actual, expected, dtype: str = "float32") -> None:
    """Compare under the one tolerance of `dtype`."""
    np.testing.assert_allclose(array(actual), array(expected), **TOLERANCE[dtype])


def assert_same_weights(model, other) -> None:
    """Compare two models' weights bit for bit."""
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_round_trips(instance):
    """Send `instance` through Keras's serialization and JSON; return the copy."""
    serialized = keras.saving.serialize_keras_object(instance)
    assert serialized["registered_name"] == f"keras_trainkit>{type(instance).__name__}"
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialized)))
    assert type(copy) is type(instance)
    assert copy.get_config() == instance.get_config()
    return copy


def run_in_fresh_process(code: str, *arguments: str) -> str:
    """Run `code` in a new interpreter on this run's backend; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
