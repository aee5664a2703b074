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
    """Replace each Keras class where the test module finds it: as a name, in a module, by `get`."""
    module = request.module
    ours = {cls.__name__: cls for cls in OURS[module.__name__]}
    replaced = set()
    for name, value in list(vars(module).items()):
        if isinstance(value, types.ModuleType):
            here = {n: c for n, c in ours.items() if isinstance(getattr(value, n, None), type)}
            # The module itself stays as it is: Keras looks its own classes up in it.
            shadow = types.SimpleNamespace(**{**vars(value), **here})
            monkeypatch.setattr(module, name, shadow if here else value)
            if here and value.__name__ == "keras.src.optimizers":
                monkeypatch.setattr(value, "ALL_OBJECTS_DICT", by_name(value, here))
            replaced |= here.keys()
        elif name in ours:
            monkeypatch.setattr(module, name, ours[name])
            replaced.add(name)
    assert replaced == ours.keys(), f"{module.__name__} reaches other names now"


def by_name(optimizers, ours):
    """Return what `optimizers.get` looks a name up in; Keras's other classes end the test."""
    lower = {name.lower(): cls for name, cls in ours.items()}
    return {name: lower.get(name, NotOurs) for name in optimizers.ALL_OBJECTS_DICT}


@keras.saving.register_keras_serializable(package="keras_suite")
class NotOurs(keras.optimizers.Optimizer):
    @classmethod
    def from_config(cls, config):
        pytest.skip("a test of another Keras class")
