"""Layer-sequential unit variance, against the algorithm in float64 and against the model itself."""

import random

import keras
import numpy as np
import pytest
from keras import layers

from keras_trainkit.initializers import lsuv
from keras_trainkit.initializers._kernels import kernels_of
from keras_trainkit.initializers.lsuv import _matrices, orthonormal
from tests.contracts import array, assert_close
from tests.references.initializers import lsuv_of_dense_layers

pytestmark = pytest.mark.oldest

TOLERANCE = 0.01


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def mlp(width=32, depth=5, activation="tanh"):
    hidden = [layers.Dense(width, activation=activation) for _ in range(depth)]
    return keras.Sequential([keras.Input((width,)), *hidden])


def functional():
    inputs = keras.Input((12, 12, 8))
    x = layers.Conv2D(8, 3, activation="relu", padding="same", groups=2)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, activation=layers.ReLU())(x)
    x = layers.SeparableConv2D(6, 3, activation="relu")(x)
    x = layers.Conv2DTranspose(6, 3)(x)
    x = layers.Dropout(0.5)(layers.Reshape((100, 6))(x))
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


class Subclassed(keras.Model):
    """A block inside a model, a layer used twice, a layer not used at all."""

    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(8, activation="relu"), layers.Dense(8, activation="relu")]
        self.unused = layers.Dense(8)
        self.unused.build((None, 8))

    def call(self, x):
        return self.blocks[0](self.blocks[1](self.blocks[0](x)))


class Bare(layers.Layer):
    """A layer of the user's own, with a kernel and no activation attribute."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        return 3.0 * x @ self.kernel


class Faulty(layers.Layer):
    def call(self, x):
        raise RuntimeError("faulty layer")


def traces(model):
    """All that a layer's own dictionary may have gained."""
    return [set(vars(layer)) for layer in model._flatten_layers()]


# Contract


def test_only_the_kernels_change():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation=layers.ReLU())])
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(4, activation="tanh"))
    kernels = {kernel.variable.path for kernel in kernels_of(model)}
    before = {variable.path: array(variable) for variable in model.variables}
    attributes, state = traces(model), random.getstate()
    activations = [getattr(layer, "activation", None) for layer in model.layers]
    lsuv(model, data(16, 8), seed=1)
    for variable in model.variables:
        changed = (array(variable) != before[variable.path]).any()
        assert changed == (variable.path in kernels), variable.path
    assert traces(model) == attributes
    assert random.getstate() == state
    assert [getattr(layer, "activation", None) for layer in model.layers] == activations


def test_exception_leaves_the_model_as_it_was():
    model = keras.Sequential([layers.Dense(4), layers.Dense(4, activation="relu"), Faulty()])
    for layer in model.layers:
        layer.build((None, 4))
    model.built = True
    before, attributes = model.get_weights(), traces(model)
    with pytest.raises(RuntimeError, match="faulty layer"):
        lsuv(model, data(8, 4))
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert traces(model) == attributes


def test_trains_afterwards_and_runs_twice():
    model = mlp()
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    x = data(64, 32)
    assert lsuv(model, x, seed=1).converged
    weights = model.get_weights()
    model.fit(x, x, verbose=0)
    assert (model.get_weights()[0] != weights[0]).any()
    assert lsuv(model, x, seed=1).converged
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])


def test_unseeded_run_follows_the_global_seed():
    def kernel():
        keras.utils.set_random_seed(5)
        model = mlp(depth=1)
        lsuv(model, data(64, 32))
        return array(model.layers[0].kernel)

    np.testing.assert_array_equal(kernel(), kernel())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_reaches_unit_variance_under_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    model = mlp(depth=3)
    report = lsuv(model, data(256, 32), seed=1, tolerance=0.02)
    assert report.converged, report
    assert model.layers[0].kernel.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "`tolerance` must be a number > 0. Received: tolerance=0"),
        ({"max_iterations": 0}, "`max_iterations` must be an integer >= 1. Rec.*=0"),
        ({"orthonormalize": 1}, "`orthonormalize` must be a bool. Received: orthonormalize=1"),
        ({"seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        (
            {"seed": 1.0, "orthonormalize": False},
            "`seed` must be an integer >= 0. Received: seed=1.0",
        ),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lsuv(mlp(depth=1), data(8, 32), **arguments)


def test_model_must_be_built_and_have_a_kernel():
    with pytest.raises(ValueError, match="`model` must be built"):
        lsuv(keras.Sequential([layers.Dense(2)]), data(8, 4))
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.trainable = False
    with pytest.raises(ValueError, match="`model` must be a model with a trainable kernel"):
        lsuv(model, data(8, 4))


# Truth


@pytest.mark.parametrize(("activation", "function"), [("tanh", np.tanh), ("linear", lambda z: z)])
def test_kernels_follow_the_algorithm(activation, function):
    model, x = mlp(activation=activation), data(200, 32)
    start = [array(layer.kernel).astype("float64") for layer in model.layers]
    fitted, variances = lsuv_of_dense_layers(start, function, x.astype("float64"))
    report = lsuv(model, x, tolerance=1e-4, orthonormalize=False)
    for layer, row, kernel, variance in zip(
        model.layers, report.layers, fitted, variances, strict=True
    ):
        assert row.kernel == layer.kernel.path
        assert row.iterations == 1
        assert_close(layer.kernel, kernel)
        np.testing.assert_allclose(row.scale, variance**-0.5, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(5), (8,)),
        (lambda: layers.Dense(8), (5,)),
        (lambda: layers.Conv2D(6, 3, groups=2), (9, 9, 4)),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 9, 4)),
        (lambda: layers.Conv1DTranspose(4, 3), (9, 6)),
        (lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (4, 7)),
        (lambda: layers.EinsumDense("abc,bcd->abd", (4, 3)), (4, 7)),
    ],
)
def test_orthonormal_kernels_are_orthonormal_per_group(make, shape):
    layer = make()
    (kernel,) = kernels_of(keras.Sequential([keras.Input(shape), layer]))
    values = orthonormal(kernel, np.random.default_rng(0))
    assert values.shape == tuple(layer.kernel.shape)
    matrices = {
        "Dense": lambda w: [w],
        "Conv2D": lambda w: [w[..., :3].reshape(-1, 3), w[..., 3:].reshape(-1, 3)],
        "DepthwiseConv2D": lambda w: [w[:, :, channel].reshape(-1, 2) for channel in range(4)],
        "Conv1DTranspose": lambda w: [w.transpose(0, 2, 1).reshape(-1, 4)],
        "EinsumDense": lambda w: [w.reshape(7, -1)] if len(w) == 7 else list(w),
    }[type(layer).__name__](values)
    for matrix in matrices:
        gram = matrix.T @ matrix if len(matrix) >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


# Properties


def outputs_before_activation(model, x):
    """Variance of every layer's output by a second way: a model cut off at each layer."""
    for layer in model.layers:
        z = x @ array(layer.kernel) + array(layer.bias)
        yield z.var()
        x = np.tanh(z)


def test_orthonormal_matrices_are_drawn_uniformly():
    corners = _matrices(4000, 3, 3, np.random.default_rng(0))[:, 0, 0]
    assert abs(corners.mean()) < 4 * corners.std() / 4000**0.5


def test_reported_variance_is_that_of_the_model_afterwards():
    model, x = mlp(), data(200, 32)
    report = lsuv(model, x, seed=1)
    actual = list(outputs_before_activation(model, x))
    np.testing.assert_allclose([row.variance for row in report.layers], actual, rtol=1e-4)
    np.testing.assert_allclose(actual, 1, atol=TOLERANCE)


@pytest.mark.short("tensorflow", "torch")
def test_every_kind_of_layer_reaches_unit_variance():
    report = lsuv(functional(), data(64, 12, 12, 8), seed=1)
    assert report.converged, report
    kinds = [row.kernel.split("/")[-2] for row in report.layers]
    assert [kind.rstrip("_0123456789") for kind in kinds] == [
        "conv2d",
        "depthwise_conv2d",
        "separable_conv2d",
        "conv2d_transpose",
        *("query", "key", "value", "attention_output"),
        "dense",
    ]
    for row in report.layers:
        assert abs(row.variance - 1) < TOLERANCE
        assert row.iterations <= 2


def test_layer_used_twice_is_fitted_once_and_an_unused_one_reported():
    model = Subclassed()
    x = data(256, 8)
    model(x)
    report = lsuv(model, x, seed=1)
    first, second, unused = report.layers
    assert first.kernel == model.blocks[0].kernel.path
    assert second.kernel == model.blocks[1].kernel.path
    assert (first.problem, second.problem) == ("", "")
    np.testing.assert_allclose((x @ array(model.blocks[0].kernel)).var(), 1, atol=TOLERANCE)
    assert unused.problem == "not measured: unused, or used inside a compiled loop"
    assert not report.converged


def test_own_layers_are_measured_at_their_output_and_keep_their_state():
    model = keras.Sequential([keras.Input((6,)), Bare()])
    calls = float(array(model.layers[0].calls))
    x = data(512, 6)
    assert lsuv(model, x, seed=1).converged
    np.testing.assert_allclose((3 * x @ array(model.layers[0].kernel)).var(), 1, atol=TOLERANCE)
    assert float(array(model.layers[0].calls)) == calls


@pytest.mark.parametrize(
    ("value", "problem"), [(0.0, "output is constant"), (np.nan, "output is not finite")]
)
def test_outputs_without_a_scale_are_reported_and_not_divided_by(value, problem):
    model = mlp(depth=2)
    report = lsuv(model, np.full((8, 32), value, "float32"), seed=1)
    assert [row.problem for row in report.layers] == [problem] * 2
    assert [(row.iterations, row.scale) for row in report.layers] == [(0, 1.0)] * 2
    kernel = array(model.layers[0].kernel)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(32), atol=1e-5)


def test_stops_after_max_iterations():
    class Saturating(Bare):
        def call(self, x):
            return keras.ops.tanh(100.0 * x @ self.kernel) * 3.0

    model = keras.Sequential([keras.Input((6,)), Saturating()])
    (row,) = lsuv(model, data(64, 6), max_iterations=2, seed=1).layers
    assert (row.iterations, row.problem) == (2, "outside the tolerance")


def test_frozen_layers_keep_their_kernels():
    model = mlp(depth=2)
    model.layers[0].trainable = False
    before = model.get_weights()
    (row,) = lsuv(model, data(64, 32), seed=1).layers
    assert row.kernel == model.layers[1].kernel.path
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_twenty_relu_layers_keep_the_signal_alive():
    model = mlp(depth=20, activation="relu")
    x = data(128, 32)
    lsuv(model, x, seed=1)
    assert 0.1 < array(model(x)).std() < 1


def test_report_prints_as_a_table():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="out")], name="net")
    lines = str(lsuv(model, np.zeros((4, 4)), seed=1)).splitlines()
    assert lines[0].split() == ["kernel", "variance", "iterations", "scale", "problem"]
    assert lines[1].split(maxsplit=4) == ["net/out/kernel", "0", "0", "1", "output is constant"]
    assert len(lines) == 2


def test_report_is_one_line_where_it_is_not_printed():
    model = mlp(depth=3, activation="relu")
    report = lsuv(model, data(128, 32), seed=1)
    assert repr(report) == f"<LSUVReport of {len(report.layers)} layers, all at variance one>"
    assert "3 layers, 3 with a problem" in repr(lsuv(mlp(depth=3), np.zeros((4, 32)), seed=1))
