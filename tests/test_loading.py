"""A `.keras` file of ours needs the package imported, and `import keras_trainkit` is enough."""

import keras
import pytest

from keras_trainkit.initializers import HeNormal
from keras_trainkit.layers import BatchNormalization, Dropout
from keras_trainkit.optimizers import NAG
from keras_trainkit.schedules import CosineDecay
from tests.contracts import run_in_fresh_process

PARTS = {
    "layers": {"layer": [Dropout(0.2), BatchNormalization()]},
    "initializer": {"initializer": HeNormal()},
    "optimizer": {"optimizer": NAG(CosineDecay(0.1, 100).warmup(10))},
}
LOADING = """
import sys, keras
try:
    keras.models.load_model(sys.argv[1])
except TypeError as error:
    text = str(error)
    print("could not be deserialized" in text or "Could not locate class" in text)
    print("keras_trainkit" in text)
import keras_trainkit
print(keras.models.load_model(sys.argv[1]).count_params())
"""


@pytest.mark.short("torch")
@pytest.mark.parametrize("part", PARTS)
def test_the_package_must_and_need_only_be_imported(part, tmp_path):
    given = {"layer": [], "initializer": "zeros", "optimizer": "sgd", **PARTS[part]}
    dense = keras.layers.Dense(2, kernel_initializer=given["initializer"])
    model = keras.Sequential([keras.Input((3,)), dense, *given["layer"]])
    model.compile(given["optimizer"], "mse")
    model.save(tmp_path / "model.keras")
    printed = run_in_fresh_process(LOADING, tmp_path / "model.keras").split()
    assert printed == ["True", "True", str(model.count_params())]
