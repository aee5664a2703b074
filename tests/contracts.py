"""What every component must satisfy, written once; test files name the class and its oracle."""

import atexit
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).parents[1]
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


@functools.cache
def server_of_new_processes() -> str:
    """Start the server; return its address."""
    address = os.path.join(tempfile.mkdtemp(), "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.new_process", address],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(stop, server, address)
    assert server.stdout.readline() == "ready\n"
    return address


def stop(server: subprocess.Popen, address: str) -> None:
    server.kill()
    server.communicate()
    shutil.rmtree(os.path.dirname(address))


def run_in_fresh_process(code: str, *arguments) -> str:
    """Run `code` in a new process on this run's backend; return what it printed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server_of_new_processes())
        connection.sendall(f"{json.dumps([code, *map(str, arguments)])}\n".encode())
        answer = b"".join(iter(lambda: connection.recv(2**20), b""))
    assert answer, "the process died"
    status, printed, errors = json.loads(answer)
    assert status == 0, errors[-4000:]
    return printed
