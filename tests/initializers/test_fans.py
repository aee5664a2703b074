"""Fans of every kind of kernel, against connections counted in the layer itself."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.initializers import GlorotNormal, HeNormal, HeUniform, TorchUniform, initialize
from keras_trainkit.initializers._fans import compute_fans
from keras_trainkit.initializers._kernels import kernels_of
from tests.contracts import array
from tests.references.initializers import counted_fans
from tests.selection import full_on_torch

pytestmark = pytest.mark.oldest

CASES = {
    "dense": (lambda: layers.Dense(7), (5,), {}),
    "conv1d": (lambda: layers.Conv1D(7, 3), (9, 5), {}),
    "conv2d": (lambda: layers.Conv2D(7, (3, 5)), (11, 11, 2), {}),
    "conv3d": (lambda: layers.Conv3D(4, 3), (7, 7, 7, 2), {}),
    "grouped conv1d": (lambda: layers.Conv1D(8, 3, groups=4), (9, 12), {"groups": 4}),
    "grouped conv2d": (lambda: layers.Conv2D(6, 3, groups=2), (7, 7, 4), {"groups": 2}),
    "depthwise conv1d": (
        lambda: layers.DepthwiseConv1D(3, depth_multiplier=2),
        (9, 5),
        {"kernel": "depthwise"},
    ),
    "depthwise conv2d": (
        lambda: layers.DepthwiseConv2D((3, 5), depth_multiplier=2),
        (11, 11, 4),
        {"kernel": "depthwise"},
    ),
    "transposed conv1d": (lambda: layers.Conv1DTranspose(7, 3), (9, 5), {"kernel": "transposed"}),
    "transposed conv2d": (
        lambda: layers.Conv2DTranspose(2, 3),
        (7, 7, 5),
        {"kernel": "transposed"},
    ),
    "transposed conv3d": (
        lambda: layers.Conv3DTranspose(2, 3),
        (5, 5, 5, 3),
        {"kernel": "transposed"},
    ),
    "einsum query": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 7)),
        (3, 5),
        {"input_axes": (0,), "output_axes": (1, 2)},
    ),
    "einsum output": (
        lambda: layers.EinsumDense("abcd,cde->abe", (None, 7)),
        (3, 2, 5),
        {"input_axes": (0, 1), "output_axes": (2,)},
    ),
    "einsum ellipsis": (
        lambda: layers.EinsumDense("...x,xy->...y", 7),
        (3, 5),
        {"input_axes": (0,), "output_axes": (1,)},
    ),
    "einsum batched": (
        lambda: layers.EinsumDense("abc,bcd->abd", (3, 7)),
        (3, 5),
        {"input_axes": (1,), "output_axes": (2,)},
    ),
}

every_layer = pytest.mark.parametrize(
    "case",
    full_on_torch(
        [pytest.param(case, id=name) for name, case in CASES.items()],
        keep=("depthwise conv2d", "transposed conv1d", "einsum output"),
    ),
)


@every_layer
def test_hints_and_layer_give_the_counted_connections(case):
    make, shape, hints = case
    layer = make()
    counted = counted_fans(layer, shape)
    (kernel,) = kernels_of(keras.Sequential([keras.Input(shape), layer]))
    assert kernel.variable is layer.kernel
    assert kernel.fans == counted
    assert GlorotNormal(**hints).fans(layer.kernel.shape) == counted


@pytest.mark.parametrize(("layer_class", "rank"), [("SeparableConv1D", 1), ("SeparableConv2D", 2)])
def test_separable_layer_has_a_depthwise_and_a_pointwise_kernel(layer_class, rank):
    layer = getattr(layers, layer_class)(7, 3, depth_multiplier=2)
    model = keras.Sequential([keras.Input((*(9,) * rank, 5)), layer])
    assert [kernel.fans for kernel in kernels_of(model)] == [(3**rank, 3**rank * 2), (10, 7)]


def test_attention_projections_have_their_fans_and_no_twins():
    inputs = keras.Input((6, 10))
    attention = layers.MultiHeadAttention(2, 3, output_shape=8)(inputs, inputs)
    model = keras.Model(inputs, attention)
    projections = {k.variable.path.split("/")[-2]: k for k in kernels_of(model)}
    assert {name: kernel.fans for name, kernel in projections.items()} == {
        "query": (10, 6),
        "key": (10, 6),
        "value": (10, 6),
        "attention_output": (6, 8),
    }

    def drawn():
        initialize(model, HeNormal(seed=1))
        return {name: array(kernel.variable) for name, kernel in projections.items()}

    first, second = drawn(), drawn()
    for name, kernel in first.items():
        np.testing.assert_array_equal(kernel, second[name])
    assert (first["query"] != first["key"]).all()
    assert (first["key"] != first["value"]).all()


@pytest.mark.host
def test_plain_shapes_follow_the_convention_of_keras():
    assert compute_fans(()) == (1, 1)
    assert compute_fans((6,)) == (6, 6)
    assert compute_fans((4, 6)) == (4, 6)
    assert compute_fans((3, 5, 4, 6)) == (60, 90)


def test_einsum_layers_give_their_axes_where_keras_passes_them():
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 50), kernel_initializer=HeUniform(seed=1))
    layer.build((None, 3, 20))
    passed = "input_axes" in inspect.signature(keras.initializers.HeUniform).parameters
    bound = (6 / (20 if passed else 160)) ** 0.5
    assert 0.99 * bound < np.abs(array(layer.kernel)).max() <= bound


def test_depthwise_output_has_twice_the_variance_of_its_input():
    layer = layers.DepthwiseConv2D(
        5, depthwise_initializer=HeNormal(seed=1, kernel="depthwise"), use_bias=False
    )
    x = keras.random.normal((8, 12, 12, 256), seed=2)
    np.testing.assert_allclose(array(layer(x)).var(), 2.0, rtol=0.1)


class Block(layers.Layer):
    """A layer with layers inside, one of them in a list."""

    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(4), layers.DepthwiseConv1D(3)]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def block_model():
    inputs = keras.Input((6, 5))
    x = Block()(inputs)
    x = layers.LSTM(3)(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def test_layers_inside_layers_are_reached_and_recurrent_cells_left_out():
    assert sorted(kernel.fans for kernel in kernels_of(block_model())) == [(3, 2), (3, 3), (5, 4)]


def test_initialize_draws_kernels_and_biases_by_their_layer():
    model = block_model()
    cell = [array(weight) for weight in model.layers[2].weights]
    start = TorchUniform(seed=1)
    initialize(model, start, bias_initializer=start)
    for kernel in kernels_of(model):
        for weight in (kernel.variable, kernel.layer.bias):
            assert 0 < np.abs(array(weight)).max() <= kernel.fans[0] ** -0.5
    for before, after in zip(cell, model.layers[2].weights, strict=True):
        np.testing.assert_array_equal(before, array(after))


def test_initialize_bounds_a_bias_by_the_inputs_of_its_layer():
    model = keras.Sequential([keras.Input((400,)), layers.Dense(4)])
    start = TorchUniform(seed=1)
    initialize(model, start, bias_initializer=start)
    assert np.abs(array(model.layers[0].bias)).max() <= 400**-0.5


def test_initialize_leaves_biases_and_frozen_layers():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4)])
    model.layers[0].trainable = False
    before = model.get_weights()
    initialize(model, "keras_trainkit>HeNormal")
    after = model.get_weights()
    changed = [(one != other).any() for one, other in zip(before, after, strict=True)]
    assert changed == [False, False, True, False]


def test_initialize_gives_a_foreign_initializer_the_shape():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    initialize(model, keras.initializers.Orthogonal(seed=1), "ones")
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(4), atol=1e-6)
    np.testing.assert_array_equal(bias, np.ones(4))


@pytest.mark.host
def test_initialize_asks_for_a_built_model():
    with pytest.raises(ValueError, match=r"`model` must be built: call it on a batch first\. "):
        initialize(keras.Sequential([layers.Dense(2)]), HeNormal())
