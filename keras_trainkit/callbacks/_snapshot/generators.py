"""The random generators of the process that shuffle data: Python's, NumPy's and PyTorch's.

Layers draw from seeds that are variables of the model. TensorFlow's generator cannot be read.
"""

import random
from importlib import import_module
from typing import Any

import keras
import numpy as np


def generator_states() -> dict[str, Any]:
    """Return the states as nested tuples and arrays."""
    states: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    if keras.backend.backend() == "torch":
        states["torch"] = _torch().generator_state()
    return states


def set_generator_states(states: dict[str, Any]) -> None:
    """Continue the streams from there."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    if "torch" in states and keras.backend.backend() == "torch":
        _torch().set_generator_state(states["torch"])


def _torch() -> Any:
    return import_module("keras_trainkit.callbacks._snapshot._torch")
