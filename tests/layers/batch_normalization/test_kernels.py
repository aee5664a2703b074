"""The kernels of batch normalization against the general path and float64, near and far from 0."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit.layers import BatchNormalization
from tests.contracts import array
from tests.layers.derivatives import differentiated
from tests.references import layers as references
from tests.selection import full_on_torch, pairs

CHANNELS = 6
GAMMA, BETA = 1 + np.arange(CHANNELS) / 6, np.arange(CHANNELS) - 2.0
RESULTS = ("y", "dx", "dgamma", "dbeta", "mean", "variance")
# Largest error, over the largest true value. The fused backward passes take the mean's rounding for
# none in dx: 2^-15 at 1000 +- 0.1, and 2^-11 at 10,000 +- 0.01.
NEAR = {"y": 1e-6, "dx": 1e-6, "dgamma": 2e-6, "dbeta": 1e-6, "mean": 2e-6, "variance": 2e-6}
FUSED = keras.backend.backend() != "jax"
FAR = {**NEAR, "dx": 2e-4} if FUSED else NEAR
VERY_FAR = {**NEAR, "dx": 2e-3} if FUSED else NEAR


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_channels(x, **channels):
    x = x.copy()
    for index, values in channels.items():
        x[:, int(index[1:])] = values
    return x


ROWS, IMAGES = normal(128, CHANNELS), normal(4, CHANNELS, 5, 4)
INPUTS = {
    "near": (ROWS, -1, NEAR),
    "far": (1000 + np.float32(0.1) * ROWS, -1, FAR),
    "very_far": (10_000 + np.float32(0.01) * ROWS, -1, VERY_FAR),
    "images": (IMAGES, 1, NEAR),
    "far_images": (1000 + np.float32(0.1) * IMAGES, 1, FAR),
    "far_images_channels_last": (1000 + np.float32(0.1) * IMAGES.transpose(0, 2, 3, 1), -1, FAR),
    "one_far_channel": (with_channels(ROWS, c3=1000 + 0.1 * ROWS[:, 3]), -1, FAR),
    "constant_channels": (with_channels(ROWS, c1=0, c2=3, c4=1000), -1, FAR),
    "small": (np.float32(1e-4) * ROWS, -1, NEAR),
    "small_and_far": (1 + np.float32(1e-4) * ROWS, -1, FAR),
    "one_example": (ROWS[:1], -1, NEAR),
    "one_far_example": (1000 + ROWS[:1], -1, FAR),
    "one_by_one_by_channels": (ROWS[:1, None], -1, NEAR),
}


def layer_for(x, axis=-1, **arguments):
    layer = BatchNormalization(axis=axis, momentum=0.0, **arguments)
    layer.build(x.shape)
    layer.gamma.assign(GAMMA)
    layer.beta.assign(BETA)
    return layer


def results(x, axis, mask=None):
    """Return the layer's results by name; with a mask, those of the general path."""
    layer = layer_for(x, axis)
    found = differentiated(layer, mask=mask)(x, normal(*x.shape, seed=1))
    return dict(zip(RESULTS, [*found, layer.moving_mean, layer.moving_variance], strict=True))


def truth(x, axis):
    twin = references.BatchNormalization(CHANNELS, axis, momentum=0.0)
    twin.gamma, twin.beta = GAMMA, BETA
    found = twin.train(x, normal(*x.shape, seed=1))
    return dict(zip(RESULTS, [*found, twin.moving_mean, twin.moving_variance], strict=True))


def assert_within(actual, expected, limits):
    for name, limit in limits.items():
        # One example leaves sums that should be zero.
        size = max(np.abs(array(expected[name])).max(), 1e-3)
        error = np.abs(array(actual[name]) - array(expected[name])).max() / size
        assert error <= limit, f"{name}: {error:.1e} > {limit:.0e}"


@pytest.fixture(
    autouse=True,
    params=["closed_form", "fused"] if keras.backend.backend() == "tensorflow" else [""],
)
def fused_from(request, monkeypatch):
    """On TensorFlow, run every test by both kernels: these inputs are too small for one of them."""
    if request.param:
        from keras_trainkit.layers._batch_normalization import _tensorflow as kernel

        monkeypatch.setattr(kernel, "FUSED_FROM", 0 if request.param == "fused" else 10**9)


@pytest.mark.parametrize("case", INPUTS)
def test_kernel_and_general_path_equal_float64(case):
    x, axis, limits = INPUTS[case]
    kernel, general = results(x, axis), results(x, axis, np.ones(x.shape[:-1], bool))
    expected = truth(x, axis)
    assert_within(kernel, expected, limits)
    assert_within(general, expected, NEAR)
    assert_within(kernel, general, limits)


def test_backend_has_a_kernel_for_what_runs_here():
    kernel = backend_module("keras_trainkit.layers._batch_normalization")
    assert kernel.can_normalize_by_batch(ops.convert_to_tensor(ROWS))
    images = ops.convert_to_tensor(ROWS.reshape(-1, 1, 1, ROWS.shape[1]))
    assert kernel.can_normalize(images, axis=3)


@pytest.mark.parametrize("shape", [(5, CHANNELS), (2, 3, CHANNELS), (2, 3, 4, CHANNELS)])
@pytest.mark.parametrize("axis", [1, -1])
def test_inference_equals_the_formula(shape, axis):
    x = 3 + normal(*shape)
    size = shape[axis]
    layer = BatchNormalization(axis=axis, moving_variance_initializer=keras.initializers.Ones())
    layer.build(shape)
    layer.moving_mean.assign(np.arange(size))
    layer.gamma.assign(1 + np.arange(size))
    layer.beta.assign(-np.arange(size))
    rows = np.moveaxis(x, axis, -1).astype("float64")
    expected = (1 + np.arange(size)) * (rows - np.arange(size)) / np.sqrt(1.001) - np.arange(size)
    np.testing.assert_allclose(
        array(layer(x)), np.moveaxis(expected, -1, axis), rtol=1e-5, atol=1e-5
    )


# Nothing to normalize

WITHOUT_ELEMENTS = {
    "rows": ((0, CHANNELS), {}, {}),
    "images": ((0, CHANNELS, 2, 2), {"axis": 1}, {}),
    "warm_up": ((0, CHANNELS), {"momentum_warmup": True, "unbiased": True}, {}),
    "ghosts": ((0, CHANNELS), {"ghost_batch_size": 2, "momentum": None}, {}),
    "renorm": ((0, CHANNELS), {"renorm": True}, {}),
    "synchronized": ((0, CHANNELS), {"synchronized": True}, {}),
    "masked": ((2, 3, CHANNELS), {"momentum": None}, {"mask": np.zeros((2, 3), bool)}),
    "masked_ghosts": ((3, 3, CHANNELS), {"ghost_batch_size": 2}, {"mask": np.zeros((3, 3), bool)}),
    "masked_renorm": ((2, 3, CHANNELS), {"renorm": True}, {"mask": np.zeros((2, 3), bool)}),
}


@pytest.mark.parametrize(
    "case", full_on_torch(WITHOUT_ELEMENTS, keep=("rows", "warm_up", "masked_ghosts"))
)
def test_batch_without_elements_moves_nothing(case):
    shape, arguments, call_arguments = WITHOUT_ELEMENTS[case]
    layer = BatchNormalization(**{"momentum": 0.5, **arguments})
    layer.build((None, *shape[1:]))
    layer(normal(4, *shape[1:]), training=True)
    before = layer.get_weights()
    y, dx, *dweights = differentiated(layer, **call_arguments)(normal(*shape), normal(*shape))
    assert y.shape == dx.shape == shape
    for found in (y, dx, *dweights):
        assert np.isfinite(found).all()
    for mine, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-6)


def test_channel_without_elements_does_not_move():
    mask = np.ones((4, 3), bool)
    mask[:, 1] = False
    layer = BatchNormalization(axis=1, momentum=0.0)
    x = normal(4, 3, 5)
    layer(x, training=True, mask=mask)
    expected = np.where([True, False, True], x.mean((0, 2)), 0)
    np.testing.assert_allclose(array(layer.moving_mean), expected, rtol=1e-5)
    assert array(layer.moving_variance)[1] == 1


# Second derivatives


def penalty(layer, x, mask=None):
    """Return the gradient, for x and gamma, of |d sum(w sin(y)) / dx|^2."""
    weights = ops.reshape(ops.arange(x.size, dtype=x.dtype), x.shape) / x.size
    x = ops.convert_to_tensor(x)
    find = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    return [array(found) for found in find(layer, x, weights, mask)]


def _tensorflow(layer, x, weights, mask):
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch([x, layer.gamma.value])
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = ops.sum(weights * ops.sin(layer(x, training=True, mask=mask)))
        penalty = ops.sum(inner.gradient(loss, x) ** 2)
    return outer.gradient(penalty, [x, layer.gamma.value])


def _jax(layer, x, weights, mask):
    import jax

    state = [v.value for v in layer.non_trainable_variables]

    def loss(x, trained):
        y, _ = layer.stateless_call(trained, state, x, training=True, mask=mask)
        return ops.sum(weights * ops.sin(y))

    def penalty(x, trained):
        return ops.sum(jax.grad(loss)(x, trained) ** 2)

    gradient = jax.jit(jax.grad(penalty, (0, 1)))
    dx, dtrained = gradient(x, [v.value for v in layer.trainable_variables])
    return dx, dtrained[0]


def _torch(layer, x, weights, mask):
    import torch

    x = x.requires_grad_()
    loss = ops.sum(weights * ops.sin(layer(x, training=True, mask=mask)))
    penalty = ops.sum(torch.autograd.grad(loss, x, create_graph=True)[0] ** 2)
    return torch.autograd.grad(penalty, [x, layer.gamma.value])


@pytest.mark.parametrize(("case", "limit"), [("near", 1e-5), ("far", 3e-3), ("far_images", 3e-3)])
def test_gradient_penalty_equals_that_of_the_general_path(case, limit):
    x, axis, _ = INPUTS[case]
    x = x[:8]
    kernel = penalty(layer_for(x, axis), x)
    general = penalty(layer_for(x, axis), x, np.ones(x.shape[:-1], bool))
    for mine, plain in zip(kernel, general, strict=True):
        assert np.abs(mine - plain).max() <= limit * np.abs(plain).max()


@pytest.mark.backend("torch")
@pytest.mark.parametrize("far", [0, 1000])
@pytest.mark.parametrize("shape", [(5, 2), (2, 3, 2, 2)])
def test_torch_checks_both_derivatives(shape, far, float64):
    import torch

    layer = BatchNormalization()
    layer.build(shape)
    x = torch.tensor(far + np.random.default_rng(0).normal(size=shape), requires_grad=True)

    def call(x):
        return layer(x, training=True)

    assert torch.autograd.gradcheck(call, x, atol=1e-4)
    assert torch.autograd.gradgradcheck(call, x, atol=1e-4)


@pytest.mark.backend("jax")
def test_jax_derivatives_agree():
    import jax

    x = 5 + normal(6, 3)
    layer = BatchNormalization()
    layer.build(x.shape)
    trained = [v.value for v in layer.trainable_variables]
    state = [v.value for v in layer.non_trainable_variables]
    tangents = (normal(6, 3, seed=1), [normal(3, seed=2) for _ in trained])

    def call(x, trained, mask=None):
        return layer.stateless_call(trained, state, x, training=True, mask=mask)

    @jax.jit
    def jacobians(x, trained):
        return [jacobian(call, (0, 1))(x, trained) for jacobian in (jax.jacfwd, jax.jacrev)]

    @jax.jit
    def along_tangents(x, trained):
        general = partial(call, mask=np.ones(6, bool))
        return [jax.jvp(path, (x, trained), tangents) for path in (call, general)]

    for mine, other in (jacobians(x, trained), along_tangents(x, trained)):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), mine, other)


@pytest.mark.backend("jax")
def test_jax_vmap_normalizes_each_alone():
    import jax

    x = 1000 + np.float32(0.1) * normal(3, 16, CHANNELS)
    layer = layer_for(x[0])
    trained = [v.value for v in layer.trainable_variables]
    state = [v.value for v in layer.non_trainable_variables]

    def call(x):
        return layer.stateless_call(trained, state, x, training=True)

    y, (means, _) = jax.vmap(call)(x)
    for mine, mean, part in zip(y, means, x, strict=True):
        expected = truth(part, -1)
        assert_within({"y": mine, "mean": mean}, expected, {"y": 1e-6, "mean": 1e-6})


# TensorFlow


@pytest.mark.backend("tensorflow")
def test_tensorflow_still_tells_who_compiles():
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    def in_xla():
        return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())

    seen = {}

    def trace(name):
        seen[name] = in_xla()

        @tf.function
        def inner():
            seen[f"{name}_inner"] = in_xla()
            return tf.constant(0)

        return inner()

    tf.function(trace)("graph")
    tf.function(trace, jit_compile=True)("xla")
    assert seen == {"graph": False, "graph_inner": False, "xla": True, "xla_inner": True}
    assert not in_xla()


@pytest.mark.backend("tensorflow")
def test_kernel_stays_out_of_xla(monkeypatch):
    import tensorflow as tf

    from keras_trainkit.layers._batch_normalization import _tensorflow as kernel

    seen = []

    def trace():
        seen.append(kernel.prefers_fused(tf.zeros((2, 3))))
        return tf.constant(0)

    monkeypatch.setattr(kernel, "FUSED_FROM", 0)
    tf.function(trace)()
    tf.function(trace, jit_compile=True)()
    assert seen == [True, False]


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize(
    ("shape", "fused"),
    [((64, 128), False), ((512, 128), True), ((None, 128), False), ((None, 32, 32, 3), True)],
)
def test_kernels_of_tensorflow_are_for_large_batches(shape, fused, monkeypatch):
    from keras_trainkit.layers._batch_normalization import _tensorflow as kernel

    monkeypatch.undo()
    assert kernel.prefers_fused(keras.KerasTensor(shape)) is fused


GRAPHS = (
    ["closed_form", "fused"],
    [False, True],
    ["near", "far", "far_images", "constant_channels"],
)
IN_SHORT = pairs(*GRAPHS)


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize(
    ("fused_from", "jit_compile", "case"),
    [
        pytest.param(*graph, marks=[] if graph in IN_SHORT else pytest.mark.short())
        for graph in itertools.product(*GRAPHS)
    ],
    indirect=["fused_from"],
)
def test_graphs_give_the_truth(jit_compile, case):
    import tensorflow as tf

    x, axis, limits = INPUTS[case]
    layer = layer_for(x, axis)
    upstream = normal(*x.shape, seed=1)

    @tf.function(jit_compile=jit_compile, input_signature=[tf.TensorSpec((None, *x.shape[1:]))])
    def step(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y * upstream)
        dweights = tape.gradient(loss, [layer.gamma.value, layer.beta.value])
        return y, tape.gradient(loss, x), *dweights

    found = [*step(x), layer.moving_mean, layer.moving_variance]
    assert_within(dict(zip(RESULTS, found, strict=True)), truth(x, axis), limits)


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("case", ["near", "far"])
def test_function_traced_before_is_right_inside_xla(case):
    import tensorflow as tf

    x = INPUTS[case][0]
    layer = layer_for(x)
    inner = tf.function(lambda x: layer(x, training=True))
    inner(x)
    found = {"y": tf.function(lambda x: inner(x), jit_compile=True)(x)}
    found |= {"mean": layer.moving_mean, "variance": layer.moving_variance}
    assert_within(found, truth(x, -1), {"y": 2e-6, "mean": 2e-6, "variance": 2e-6})


@pytest.mark.parametrize("mode", [{"jit_compile": True}, {"run_eagerly": True}, {}], ids=str)
def test_fit_measures_far_data(mode):
    if keras.backend.backend() == "torch" and mode.get("jit_compile"):
        mode = {}  # On PyTorch it needs a C compiler.
    x = INPUTS["far"][0]
    model = keras.Sequential([keras.Input((CHANNELS,)), layer_for(x)])
    model.compile(keras.optimizers.SGD(0.0), "mse", **mode)
    model.fit(x, ROWS, batch_size=len(x), verbose=0)
    found = {"mean": model.layers[0].moving_mean, "variance": model.layers[0].moving_variance}
    assert_within(found, truth(x, -1), {"mean": 1e-6, "variance": 2e-6})


@pytest.mark.backend("tensorflow")
def test_exported_model_predicts_the_same(tmp_path):
    import tensorflow as tf

    model = keras.Sequential([keras.Input((4, 4, CHANNELS)), BatchNormalization()])
    x = 3 + normal(2, 4, 4, CHANNELS)
    model.layers[0](x, training=True)
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_array_equal(array(loaded.serve(x)), model.predict(x, verbose=0))
