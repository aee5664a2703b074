"""Functions compiled by the active backend."""

import importlib
from collections.abc import Callable
from typing import Any

import keras


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` without gradients, traced once per shape of its (nested) tensors.

    PyTorch runs it as it stands.
    """
    module = importlib.import_module(f"{__name__}._{keras.backend.backend()}")
    return module.compiled(function)
