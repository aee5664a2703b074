"""Dropout against its formula: what it keeps, what it scales, and what it refuses."""

import copy
import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit.layers import Dropout
from tests.contracts import array, assert_close, assert_round_trips
from tests.layers.derivatives import differentiated
from tests.references import layers as references

pytestmark = pytest.mark.oldest


# JAX has none unless it is told.
FLOAT64 = pytest.param("float64", marks=pytest.mark.backend("tensorflow", "torch"))


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture(params=["xla", pytest.param("no_xla", marks=pytest.mark.backend("tensorflow"))])
def kernel(request, monkeypatch):
    """Return the backend's kernel; on TensorFlow run the test as if there were no XLA as well."""
    module = kernel_module()
    if request.param == "no_xla":
        monkeypatch.setattr(module, "xla_runs", lambda: False)
        monkeypatch.setattr(module, "_by_hash", None)
    return module


def kernel_module():
    return backend_module("keras_trainkit.layers._dropout")


# Contract


@pytest.mark.parametrize(
    "arguments", [{"rate": 0.3}, {"rate": 0, "noise_shape": [None, 1, 4], "seed": 7, "name": "d"}]
)
def test_config_round_trips(arguments):
    assert_round_trips(Dropout(**arguments))


def test_config_holds_the_present_rate():
    layer = Dropout(0.3)
    layer.rate = 0.1
    assert assert_round_trips(layer).rate == 0.1
    assert copy.deepcopy(layer).rate == 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 1.2}, "`rate` must be in [0, 1]. Received: rate=1.2"),
        ({"rate": 1.0 + 2.0**-52}, "`rate` must be in [0, 1]. Received: rate=1.0000000000000002"),
        ({"rate": float("nan")}, "`rate` must be in [0, 1]. Received: rate=nan"),
        ({"rate": "0.5"}, "`rate` must be a number in [0, 1]. Received: rate='0.5'"),
        ({"rate": 0.5, "seed": -1}, "`seed` must be an integer >= 0. Received: seed=-1"),
        (
            {"rate": 0.5, "noise_shape": (2, -1)},
            "`noise_shape` must be a sequence of positive integers and None. "
            "Received: noise_shape=(2, -1)",
        ),
        ({"rate": 0.5, "noise_shape": 3}, "and None. Received: noise_shape=3"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        Dropout(**arguments)
    assert message in str(error.value)


def test_refuses_a_bad_rate_and_keeps_the_old_one():
    layer = Dropout(0.3)
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\]. Received: rate=1.5"):
        layer.rate = 1.5
    assert layer.rate == 0.3


@pytest.mark.parametrize("noise_shape", [(2, 1, 3), (None,)])
def test_refuses_a_noise_shape_of_another_rank(noise_shape):
    with pytest.raises(ValueError, match="`noise_shape` must be of the inputs' rank 2"):
        Dropout(0.5, noise_shape=noise_shape)(random(2, 3), training=True)


@pytest.mark.parametrize("noise_shape", [(2,), (3, 3), (None, 2)])
def test_refuses_a_noise_shape_that_does_not_broadcast(noise_shape):
    message = "`noise_shape` must be broadcastable to the inputs' shape (2, 3)"
    with pytest.raises(ValueError, match=re.escape(message)):
        Dropout(0.5, noise_shape=noise_shape)(random(2, 3), training=True)


def test_has_no_weights():
    model = keras.Sequential([keras.Input((3,)), Dropout(0.5)])
    assert model.weights == []
    assert model.count_params() == 0


@pytest.mark.parametrize(
    ("dtype", "rounding"), [("mixed_float16", 2.0**-11), ("mixed_bfloat16", 2.0**-8)]
)
@pytest.mark.usefixtures("kernel")
def test_half_precision_rounds_once_and_does_not_overflow(dtype, rounding):
    layer = Dropout(0.9, dtype=dtype)
    x = np.round(4096 * (1 + np.random.default_rng(0).integers(0, 64, (100, 100)) / 128))
    y, dx = (np.asarray(a, "float64") for a in differentiated(layer)(x, x))
    for result in (y, dx):
        np.testing.assert_allclose(result, x / (1 - 0.9) * (y != 0), rtol=1.001 * rounding)


def test_passes_masks_on():
    inputs = keras.layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    np.testing.assert_array_equal(array(Dropout(0.5)(inputs)._keras_mask), [[True, False]])


def test_trains_with_unknown_sizes():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, Dropout(0.5, noise_shape=(None, 1, None))(inputs))
    for batch, steps in ((2, 4), (5, 6)):
        y = array(model(np.ones((batch, steps, 3), "float32"), training=True))
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert model.predict(np.ones((2, 7, 3)), verbose=0).shape == (2, 7, 3)


@pytest.mark.backend("torch")
@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_compiles_nothing_per_rate():
    import torch

    layer, ones = Dropout(0.0, seed=1), torch.ones(50, 40, requires_grad=True)
    step = torch.compile(lambda: layer(ones, training=True), backend="aot_eager")
    with torch._dynamo.config.patch(recompile_limit=3, fail_on_recompile_limit_hit=True):
        for rate in np.linspace(0, 0.9, 10):
            layer.rate = rate
            y = step()
            y.sum().backward()
            assert (array(y) == 0).mean() == pytest.approx(rate, abs=0.05)


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("shape", [[None, None, 3], [None, 4, None], None])
def test_compiles_nothing_per_sequence_length(shape, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(kernel_module(), "_by_hash", None)
    layer = Dropout(0.3, seed=1)

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return y, tape.gradient(y, x)

    for size in (3, 4, 5):
        x = random(2, 4, 3) if shape and shape[1] == 4 else random(size, size, 3)
        y, dx = (array(result) for result in step(x))
        mask = np.where(y != 0, 1 / (1 - np.float32(0.3)), 0)
        assert_close(y, x * mask)
        assert_close(dx, mask)


@pytest.mark.backend("tensorflow")
def test_traces_once_for_all_shapes(caplog):
    import tensorflow as tf

    tf.get_logger().addHandler(caplog.handler)
    Dropout(0.5)(random(2, 3), training=True)
    program = kernel_module()._program(tf.float32, tf.float32)
    traces = program.experimental_get_tracing_count()
    try:
        for n in range(1, 7):  # a retracing function is reported at its fifth trace
            differentiated(Dropout(0.1 * n, seed=n))(random(2, n, 5), random(2, n, 5))
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert program.experimental_get_tracing_count() == traces
    assert caplog.records == []


# Truth


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.1, 0.5, 0.999])
def test_output_and_gradient_are_mask_over_keep_probability(rate):
    x, upstream = random(40, 50), random(40, 50, seed=1)
    y, dx = differentiated(Dropout(rate))(x, upstream)
    expected = references.dropout(x, upstream, y != 0, rate)
    assert_close(y, expected[0])
    assert_close(dx, expected[1])


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("shape", [(), (7,), (0,), (0, 3), (3, 0), (2, 3, 4, 5)])
def test_serves_every_shape(shape):
    x, upstream = random(*shape), random(*shape, seed=1)
    y, dx = differentiated(Dropout(0.4, seed=2))(x, upstream)
    expected = references.dropout(x, upstream, y != 0, 0.4)
    assert y.shape == dx.shape == shape
    assert_close(y, expected[0])
    assert_close(dx, expected[1])


@pytest.mark.parametrize(
    "kernel",
    [
        pytest.param("xla", marks=pytest.mark.backend("tensorflow", "torch")),
        pytest.param("no_xla", marks=pytest.mark.backend("tensorflow")),
    ],
    indirect=True,
)
@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_scales_in_float64(rate, kernel, float64):
    x = random(40, 50).astype("float64")
    y, dx = differentiated(Dropout(rate))(x, x)
    expected = references.dropout(x, x, y != 0, rate)
    assert_close(y, expected[0], "float64")
    assert_close(dx, expected[1], "float64")


def test_gradient_has_the_broadcast_mask_of_a_noise_shape():
    x, upstream = random(5, 4, 6), random(5, 4, 6, seed=1)
    y, dx = differentiated(Dropout(0.4, noise_shape=(None, 1, 6)))(x, upstream)
    expected = references.dropout(x, upstream, (y != 0)[:, :1], 0.4)
    assert_close(y, expected[0])
    assert_close(dx, expected[1])


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_second_derivative_has_the_same_mask(rate):
    # z = sum(y^3), y = s x with s = mask / (1 - rate):  dz = 3 y^2 s,  d sum(dz) = 6 y s^2
    x = random(20, 30)
    y, first, second = twice_differentiated(Dropout(rate, seed=1), x)
    s = np.where(y != 0, 1 / (1 - rate), 0)
    assert_close(y, x * s)
    assert_close(first, 3 * (x * s) ** 2 * s)
    assert_close(second, 6 * x * s**3)


def twice_differentiated(layer, x):
    """Return y, the gradient of `sum(y**3)`, and the gradient of that gradient's sum."""
    x = ops.convert_to_tensor(x)
    derive = {"tensorflow": on_tensorflow, "jax": on_jax, "torch": on_torch}
    return [array(ops.stop_gradient(z)) for z in derive[keras.backend.backend()](layer, x)]


def on_tensorflow(layer, x):
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x, training=True)
            z = ops.sum(y**3)
        first = inner.gradient(z, x)
    return y, first, outer.gradient(first, x)


def on_jax(layer, x):
    import jax

    call = pure(layer)
    first = jax.grad(lambda x: ops.sum(call(x) ** 3))
    return call(x), first(x), jax.jit(jax.grad(lambda x: ops.sum(first(x))))(x)


def pure(layer):
    state = [variable.value for variable in layer.non_trainable_variables]
    return lambda x: layer.stateless_call([], state, x, training=True)[0]


def on_torch(layer, x):
    import torch

    x.requires_grad_()
    y = layer(x, training=True)
    (first,) = torch.autograd.grad(ops.sum(y**3), x, create_graph=True)
    return y, first, *torch.autograd.grad(ops.sum(first), x)


@pytest.mark.backend("jax")
def test_transforms_of_jax_see_one_mask():
    import jax

    x, tangent = ops.array(random(8, 50)), ops.array(random(8, 50, seed=1))
    call = pure(Dropout(0.3, seed=1))
    y, dy = jax.jvp(call, (x,), (tangent,))
    s = np.where(array(y) != 0, 1 / (1 - np.float32(0.3)), 0)
    assert_close(y, array(x) * s)
    assert_close(dy, array(tangent) * s)
    for gradient in (jax.grad, lambda f: jax.jit(jax.grad(f)), lambda f: jax.grad(jax.jit(f))):
        assert_close(gradient(lambda x: ops.sum(call(x) * tangent))(x), array(tangent) * s)
    rows = np.stack([call(row) for row in x])
    np.testing.assert_array_equal(jax.vmap(call)(x), rows)
    row_gradient = jax.grad(lambda row: ops.sum(call(row)))
    assert_close(jax.vmap(row_gradient)(x), np.where(rows != 0, 1 / (1 - np.float32(0.3)), 0))


@pytest.mark.backend("jax")
@pytest.mark.parametrize("compiled", [False, True])
def test_keeps_nothing_of_the_inputs_size_for_backward_on_jax(compiled):
    import jax

    call = pure(Dropout(0.3, seed=1))
    _, pullback = jax.vjp(jax.jit(call) if compiled else call, ops.array(random(100, 50)))
    assert sum(residual.size for residual in jax.tree.leaves(pullback)) < 10


@pytest.mark.backend("torch")
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_keeps_one_byte_per_number_for_backward_on_torch(dtype, rate):
    import torch

    kept = []
    x = torch.ones((100, 50), dtype=getattr(torch, dtype), requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = Dropout(rate, dtype=dtype)(x, training=True)
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert [(t.element_size(), t.numel()) for t in kept] == [(1, x.numel())]
    assert torch.equal(dx, y)


@pytest.mark.backend("torch")
def test_serves_strided_tensors_of_torch():
    import torch

    whole = torch.tensor(random(30, 40))
    views = [
        whole.T,
        whole[:, ::2],
        whole[3:, 5],
        whole[:1].expand(30, 40),
        whole.view(5, 6, 40).mT,
    ]
    for view in views:
        upstream = torch.tensor(random(*view.shape[::-1], seed=1))
        upstream = upstream.permute(*reversed(range(view.ndim)))
        before = view.clone()
        y, dx = differentiated(Dropout(0.4, seed=2))(view.detach(), upstream)
        expected = references.dropout(array(before), array(upstream), y != 0, 0.4)
        assert_close(y, expected[0])
        assert_close(dx, expected[1])
        assert torch.equal(view, before)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_is_the_identity_at_inference_and_for_rate_zero(rate, training):
    x = random(40, 50)
    np.testing.assert_array_equal(array(Dropout(rate)(x, training=training)), x)


@pytest.mark.usefixtures("kernel")
def test_drops_what_is_not_finite():
    y = array(Dropout(0.5, seed=0)(np.full((100,), np.inf, "float32"), training=True))
    assert set(y) == {0.0, np.inf}


# Properties


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9])
def test_drops_the_expected_fraction(rate):
    y = array(Dropout(rate)(np.ones((400, 500), "float32"), training=True))
    spread = (rate * (1 - rate) / y.size) ** 0.5
    assert abs((y == 0).mean() - rate) < 4 * spread
    assert abs(y.mean() - 1) < 4 * spread / (1 - rate)


def test_keeps_some_units_at_a_rate_next_to_one():
    y = array(Dropout(1 - 2.0**-18)(np.ones((2**11, 2**11), "float32"), training=True))
    assert 1 <= (y != 0).sum() <= 48


def test_masks_of_steps_and_of_positions_are_independent():
    layer = Dropout(0.5)
    masks = np.stack([array(layer(np.ones((100, 64)), training=True)) != 0 for _ in range(20)])
    for one, other in ((masks[:-1], masks[1:]), (masks[..., :-1], masks[..., 1:])):
        assert abs((one == other).mean() - 0.5) < 4 * 0.5 / one.size**0.5


def test_one_seed_gives_one_stream():
    x = np.ones((20, 30), "float32")
    first, second, other = Dropout(0.5, seed=3), Dropout(0.5, seed=3), Dropout(0.5, seed=4)
    streams = [np.stack([array(d(x, training=True)) for _ in range(3)]) for d in (first, second)]
    np.testing.assert_array_equal(*streams)
    assert (array(other(x, training=True)) != streams[0][0]).any()


@pytest.mark.parametrize(
    ("noise_shape", "shared"),
    [((1,), (0, 1, 2)), ((60,), (0, 1)), ((20, 1), (0, 2)), ([1, 1, 60], (0, 1))],
)
def test_a_shorter_noise_shape_is_that_of_the_last_axes(noise_shape, shared):
    y = array(Dropout(0.5, noise_shape=noise_shape, seed=2)(np.ones((5, 20, 60)), training=True))
    assert set(np.unique(y)) <= {0, 2}
    assert (y == y.max(shared, keepdims=True)).all()
    if noise_shape != (1,):
        assert set(np.unique(y)) == {0, 2}


def test_noise_shape_shares_the_mask():
    y = array(Dropout(0.5, noise_shape=(None, 1, 6))(np.ones((5, 4, 6)), training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert (y[0] != y[1]).any()


@pytest.mark.parametrize("noise_shape", [None, (None, 1), (4,)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", FLOAT64])
@pytest.mark.usefixtures("kernel")
def test_a_rate_of_1_drops_everything_and_has_zero_gradients(dtype, noise_shape):
    x = np.array([[np.inf, -np.inf, 0, 6e4], [1, 2, 3, 4]])
    layer = Dropout(1, noise_shape, dtype=dtype)
    for result in differentiated(layer)(x, np.ones_like(x)):
        np.testing.assert_array_equal(result, np.zeros_like(x))
    layer.rate = 0.0
    np.testing.assert_array_equal(array(layer(x[1:], training=True)), x[1:])
    layer.rate = 1.0
    assert not array(layer(x, training=True)).any()


def test_trains_through_a_rate_of_1():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), Dropout(1.0)])
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.fit(random(8, 3), np.ones((8, 1)), verbose=0)
    after = model.get_weights()
    for old, new in zip(before[:3], after[:3], strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.isfinite(after[3]).all()
    assert (after[3] != before[3]).all()


# Seeds


@pytest.mark.parametrize("seed", [2**31, 2**32 - 1, 2**32, 2**40 + 1, 2**64, 10**40])
def test_takes_seeds_of_any_size(seed):
    x = np.ones((50, 50), "float32")
    layer = assert_round_trips(Dropout(0.5, seed=seed))
    y = array(layer(x, training=True))
    assert layer.seed == seed
    np.testing.assert_array_equal(y, array(Dropout(0.5, seed=seed)(x, training=True)))
    for other in (seed + 1, seed - 1, seed % 2**32, seed % 2**31):
        if other != seed:
            assert (y != array(Dropout(0.5, seed=other)(x, training=True))).any()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_takes_numpys_integers_for_seeds(kind):
    x = np.ones((50, 50), "float32")
    layer = assert_round_trips(Dropout(0.5, seed=kind(4)))
    expected = array(Dropout(0.5, seed=4)(x, training=True))
    np.testing.assert_array_equal(array(layer(x, training=True)), expected)
