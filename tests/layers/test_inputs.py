"""Inputs that are no floats: integers and bools are taken, alike everywhere; others are refused."""

import keras
import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from keras_trainkit.layers import BatchNormalization, Dropout, recalibrate
from tests.contracts import array

INTEGERS = np.arange(1, 13).reshape(4, 3)
# JAX has none unless it is told.
FLOAT64 = pytest.param("float64", marks=pytest.mark.backend("tensorflow", "torch"))
TAKEN = ["int8", "uint8", "int32", "bool"]


def layers():
    return [Dropout(0.3, seed=1), Dropout(0.3, noise_shape=(None, 1), seed=1), BatchNormalization()]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", TAKEN)
def test_integers_and_bools_count_as_floats(dtype, training):
    x = INTEGERS.astype(dtype)
    for layer, same in zip(layers(), layers(), strict=True):
        y = layer(ops.convert_to_tensor(x), training=training)
        assert keras.backend.standardize_dtype(y.dtype) == "float32"
        expected = same(ops.convert_to_tensor(x.astype("float32")), training=training)
        np.testing.assert_array_equal(array(y), array(expected))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", FLOAT64])
def test_integers_become_what_the_layer_computes_in(policy):
    x = ops.convert_to_tensor(INTEGERS, "int32")
    for layer in [Dropout(0.3, dtype=policy), BatchNormalization(dtype=policy)]:
        for training in (False, True):
            y = layer(x, training=training)
            assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype


def test_a_model_knows_that_integers_leave_as_floats():
    inputs = keras.Input((3,), dtype="int32")
    outputs = Dropout(0.5)(inputs)
    assert outputs.dtype == "float32"
    model = keras.Model(inputs, keras_layers.Dense(1)(outputs))
    model.compile("sgd", "mse")
    model.fit(INTEGERS, np.ones((4, 1)), verbose=0)


@pytest.mark.parametrize("training", [False, True])
def test_refuses_complex_inputs(training):
    x = ops.convert_to_tensor(np.full((4, 3), 1 + 2j, "complex64"))
    for layer in layers():
        with pytest.raises(ValueError, match=r"`inputs.dtype` must be .*='complex64'"):
            layer(x, training=training)


@pytest.mark.backend("tensorflow")
def test_refuses_strings():
    for layer in layers():
        with pytest.raises(ValueError, match=r"`inputs.dtype` must be .*='string'"):
            layer(ops.convert_to_tensor([["a", "b", "c"]]))


def test_recalibrates_by_integers():
    model = keras.Sequential([keras.Input((3,), dtype="int32"), BatchNormalization(name="norm")])
    recalibrate(model, INTEGERS.astype("int32"))
    np.testing.assert_allclose(array(model.get_layer("norm").moving_mean), INTEGERS.mean(0))


@pytest.mark.parametrize("kind", [BatchNormalization, keras_layers.BatchNormalization])
def test_recalibrates_by_no_complex_inputs(kind):
    to_complex = keras_layers.Lambda(lambda x: ops.cast(x, "complex64"), (3,))
    model = keras.Sequential([keras.Input((3,)), to_complex, kind()])
    with pytest.raises(ValueError, match=r"`inputs.dtype` must be .*='complex64'"):
        recalibrate(model, INTEGERS.astype("float32"))
