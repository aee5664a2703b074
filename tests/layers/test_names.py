"""Functions that share their names with the modules that define them."""

import importlib
import inspect

import pytest

from keras_trainkit import layers


@pytest.mark.parametrize("name", ["fold_batch_normalization", "mc_predict", "recalibrate"])
def test_function_hides_its_module(name):
    importlib.import_module(f"keras_trainkit.layers.{name}")
    assert inspect.isfunction(getattr(layers, name))
