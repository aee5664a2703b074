"""A pytest plugin for the process that runs Keras's test modules with our classes in them."""

import sys
import types

import keras
import pytest

from tests.keras_suite.suites import SUITES

OURS = {suite.module: suite.ours for suite in SUITES.values()}


def skip_if_backend(name: str, reason: str):
    return pytest.mark.skipif(keras.backend.backend() == name, reason=reason)


def pytest_configure(config):
    # Keras's tests expect the conftest of its repository, which its wheel does not hold.
    config.addinivalue_line("markers", "requires_trainable_backend: true of every backend here")
    sys.modules["conftest"] = types.SimpleNamespace(skip_if_backend=skip_if_backend)


@pytest.fixture(autouse=True)
def ours_in_place_of_keras(request, monkeypatch):
    """Replace each Keras class wherever the test module finds it: as a name, or in a module."""
    module = request.module
    reached = [module, *(m for m in vars(module).values() if isinstance(m, types.ModuleType))]
    replaced = set()
    for ours in OURS[module.__name__]:
        for place in reached:
            theirs = getattr(place, ours.__name__, None)
            if isinstance(theirs, type):
                monkeypatch.setattr(place, ours.__name__, ours)
                replaced.add(ours)
    assert replaced == set(OURS[module.__name__]), f"{module.__name__} reaches other names now"
