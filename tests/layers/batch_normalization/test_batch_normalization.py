"""Batch normalization against its formulas, Keras, and inputs that cancel."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_trainkit.layers import BatchNormalization
from keras_trainkit.layers.batch_normalization import PLAIN
from tests.contracts import array, assert_close, assert_round_trips
from tests.layers.derivatives import differentiated
from tests.references import layers as references
from tests.selection import full_on_torch

CLIP = {"rmin": 0.5, "rmax": 2.0, "dmax": 0.5}
EVERY_ARGUMENT = {
    "axis": 1,
    "momentum": 0.5,
    "epsilon": 1e-5,
    "center": False,
    "scale": False,
    "beta_initializer": "ones",
    "gamma_initializer": "zeros",
    "moving_mean_initializer": "ones",
    "moving_variance_initializer": keras.initializers.Constant(4.0),
    "beta_regularizer": "l1",
    "gamma_regularizer": keras.regularizers.L2(0.1),
    "beta_constraint": "non_neg",
    "gamma_constraint": keras.constraints.MaxNorm(3.0),
    "renorm": True,
    "renorm_clipping": CLIP,
    "renorm_momentum": 0.25,
    "synchronized": True,
    "ghost_batch_size": None,
    "momentum_warmup": True,
    "unbiased": True,
    "name": "normalization",
}
OF_THE_MOVING_STATISTICS = {"momentum": None, "ghost_batch_size": 16, "unbiased": True}
NOT_WITH_GHOSTS = (
    "`ghost_batch_size` must be None with `renorm` or `synchronized`. Received: ghost_batch_size=2"
)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Contract


@pytest.mark.oldest
@pytest.mark.parametrize(
    "arguments",
    [{}, EVERY_ARGUMENT, OF_THE_MOVING_STATISTICS],
    ids=["defaults", "every_argument", "of_the_moving_statistics"],
)
def test_config_round_trips(arguments):
    copy = assert_round_trips(BatchNormalization(**arguments))
    for name in arguments.keys() & PLAIN:
        assert getattr(copy, name) == arguments[name]


@pytest.mark.host
@pytest.mark.oldest
def test_every_argument_is_tried():
    parameters = inspect.signature(BatchNormalization.__init__).parameters.keys()
    assert parameters - {"self", "kwargs"} == EVERY_ARGUMENT.keys() - {"name"}


@pytest.mark.host
@pytest.mark.oldest
def test_takes_every_argument_of_keras():
    ours = BatchNormalization().get_config()
    theirs = keras.layers.BatchNormalization().get_config()
    assert theirs.keys() <= ours.keys()
    assert {name: ours[name] for name in theirs if name not in ("name", "renorm_clipping")} == {
        name: theirs[name] for name in theirs if name not in ("name", "renorm_clipping")
    }


@pytest.mark.host
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axis": 1.5}, "`axis` must be an integer. Received: axis=1.5"),
        ({"momentum": 1.1}, "`momentum` must be in [0, 1]. Received: momentum=1.1"),
        ({"epsilon": -1}, "`epsilon` must be in [0, inf). Received: epsilon=-1"),
        ({"center": None}, "`center` must be a bool. Received: center=None"),
        ({"renorm_momentum": "a"}, "`renorm_momentum` must be a number in [0, 1]. Rec"),
        ({"renorm_clipping": {"r": 1}}, "`renorm_clipping` must be a dict with keys among rmin"),
        ({"renorm_clipping": {"dmax": -1}}, "`renorm_clipping['dmax']` must be in [0, inf)"),
        ({"momentum": "a"}, "`momentum` must be a number in [0, 1]. Received: momentum='a'"),
        ({"momentum_warmup": 1}, "`momentum_warmup` must be a bool. Received: momentum_warmup=1"),
        ({"unbiased": None}, "`unbiased` must be a bool. Received: unbiased=None"),
        ({"synchronized": 0}, "`synchronized` must be a bool. Received: synchronized=0"),
        ({"ghost_batch_size": 0}, "`ghost_batch_size` must be an integer >= 1. Received: gh"),
        ({"ghost_batch_size": 2.0}, "integer >= 1. Received: ghost_batch_size=2.0"),
        ({"ghost_batch_size": 2, "renorm": True}, NOT_WITH_GHOSTS),
        ({"ghost_batch_size": 2, "synchronized": True}, NOT_WITH_GHOSTS),
        ({"renorm_clipping": {"rmin": 2, "rmax": 1}}, "a dict with rmin <= rmax. Received: "),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match="must be") as error:
        BatchNormalization(**arguments)
    assert message in str(error.value)


@pytest.mark.host
@pytest.mark.parametrize(
    ("axis", "shape", "message"),
    [
        (3, (2, 4, 5), r"`axis` must be in \[-3, 3\) for inputs of rank 3. Received: axis=3"),
        (1, (2, None), r"`axis` must be an axis of known size in shape \(2, None\)"),
    ],
)
def test_refuses_inputs_without_the_axis(axis, shape, message):
    with pytest.raises(ValueError, match=message):
        BatchNormalization(axis=axis).build(shape)


@pytest.mark.host
@pytest.mark.parametrize("axis", [0, -2])
def test_refuses_to_cut_the_normalized_axis_into_ghosts(axis):
    requirement = "must be another axis than the batch with `ghost_batch_size`"
    with pytest.raises(ValueError, match=f"`axis` {requirement}. Received: axis={axis}"):
        BatchNormalization(axis=axis, ghost_batch_size=2).build((4, 3))


def test_refuses_a_mask_of_another_rank():
    with pytest.raises(ValueError, match=r"`mask.shape` must be of rank 2, .*=\(2,\)"):
        BatchNormalization()(random(2, 3, 4), mask=np.ones((2,), bool))


def test_is_in_inference_mode_and_still_while_not_trainable():
    layer = BatchNormalization(moving_mean_initializer="ones")
    x = random(8, 4)
    expected = array(layer(x, training=False))
    layer.trainable = False
    np.testing.assert_array_equal(array(layer(x, training=True)), expected)
    assert_close(layer.moving_mean, np.ones(4))


@pytest.mark.oldest
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_keeps_float32_statistics(dtype):
    x = 3e4 + 1e3 * random(64, 4)
    layer = BatchNormalization(momentum=0.0, dtype=dtype)
    y = layer(x, training=True)
    seen = array(ops.cast(ops.cast(x, layer.compute_dtype), "float32"))
    expected = (seen - seen.mean(0)) / np.sqrt(seen.var(0) + 1e-3)
    assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
    assert_close(ops.cast(y, "float32"), expected, layer.compute_dtype)
    if dtype != "float16":
        assert_close(layer.moving_variance, seen.var(0))


@pytest.mark.oldest
def test_trains_with_unknown_sizes_and_masks():
    inputs = keras.Input((None, 3))
    masked = keras.layers.Masking()(inputs)
    model = keras.Model(inputs, BatchNormalization(momentum=0.0)(masked))
    model.compile("sgd", "mse")
    for steps in (4, 6):
        x = random(5, steps, 3)
        x[:, -2:] = 0
        model.fit(x, x, batch_size=5, verbose=0)
        assert_close(model.layers[-1].moving_mean, x[:, :-2].mean((0, 1)))


# Truth

CASES = {
    "dense": ((16, 5), {}, {}),
    "images": ((4, 3, 3, 5), {}, {}),
    "channels_first": ((4, 5, 3, 3), {"axis": 1}, {}),
    "one_channel": ((16, 1), {}, {}),
    "masked": ((4, 6, 5), {}, {"mask": np.arange(24).reshape(4, 6) % 3 > 0}),
    "masked_steps": ((4, 6, 5), {"axis": 1}, {"mask": np.arange(24).reshape(4, 6) % 7 > 0}),
    "renorm": ((16, 5), {"renorm": True, "renorm_momentum": 0.8}, {}),
    "clipped_renorm": ((16, 5), {"renorm": True, "renorm_clipping": CLIP}, {}),
    "unbiased_renorm": ((8, 5), {"renorm": True, "unbiased": True, "momentum": None}, {}),
    "examples": ((3, 6), {"axis": 0}, {}),
    "volumes": ((2, 2, 3, 2, 3), {"axis": 2, "scale": False}, {}),
    "last_of_five": ((2, 2, 2, 3, 3), {"center": False}, {}),
    "first_of_three": ((3, 4, 5), {"axis": -3, "scale": False, "center": False}, {}),
    "unbiased": ((8, 5), {"unbiased": True}, {}),
    "average": ((8, 5), {"momentum": None}, {}),
    "warm_up": ((4, 3, 5), {"axis": 1, "momentum_warmup": True, "unbiased": True}, {}),
    "ghosts": ((10, 5), {"ghost_batch_size": 4}, {}),
    "ghosts_of_images": (
        (7, 4, 2, 3),
        {"ghost_batch_size": 3, "axis": 1, "momentum_warmup": True},
        {},
    ),
    "masked_ghosts": (
        (6, 4, 5),
        {"ghost_batch_size": 2, "momentum": None, "unbiased": True, "scale": False},
        {"mask": np.arange(24).reshape(6, 4) % 5 > 1},
    ),
}


def twin_of(layer, size):
    clip = {"rmin": 0.0, "rmax": np.inf, "dmax": np.inf} | layer.renorm_clipping
    return references.BatchNormalization(
        size,
        layer.axis,
        momentum=layer.momentum,
        renorm_momentum=layer.renorm_momentum if layer.renorm else None,
        clip=list(clip.values()),
        ghost_batch_size=layer.ghost_batch_size,
        momentum_warmup=layer.momentum_warmup,
        unbiased=layer.unbiased,
    )


def assert_follows_the_formulas(shape, arguments, call_arguments, dtype):
    layer = BatchNormalization(**{"momentum": 0.9, **arguments})
    layer.build(shape)
    twin = twin_of(layer, shape[layer.axis])
    mask = call_arguments.get("mask")
    valid = None if mask is None else np.broadcast_to(mask[..., None], shape)
    train = differentiated(layer, **call_arguments)
    rng = np.random.default_rng(0)
    for step in range(50):
        x = (2 + (1 + step / 20) * rng.normal(size=shape)).astype(dtype)
        upstream = rng.normal(size=shape).astype(dtype)
        actual = train(x, upstream)
        *expected, dgamma, dbeta = twin.train(x, upstream, valid)
        slopes = {"gamma": dgamma, "beta": dbeta}
        expected += [slopes[variable.name] for variable in layer.trainable_variables]
        for mine, truth in zip(actual, expected, strict=True):
            assert_close(mine, truth, dtype)
        for variable in layer.non_trainable_variables:
            assert_close(variable, getattr(twin, variable.name), dtype)
        for variable in layer.trainable_variables:
            moved = getattr(twin, variable.name) - 0.01 * slopes[variable.name]
            setattr(twin, variable.name, moved)
            variable.assign(moved)
    assert_close(layer(x), twin.infer(x), dtype)


SHORT = (
    "dense",
    "images",
    "channels_first",
    "masked_steps",
    "clipped_renorm",
    "unbiased_renorm",
    "warm_up",
    "ghosts_of_images",
    "masked_ghosts",
)


@pytest.mark.parametrize("case", full_on_torch(CASES, keep=SHORT))
def test_follows_the_formulas(case):
    assert_follows_the_formulas(*CASES[case], "float32")


# On PyTorch, `ops.cumprod` over the ghost batches is float32 for float64 too.
IN_FLOAT64 = [
    pytest.param(
        case,
        marks=pytest.mark.backend("tensorflow", *(["torch"] if "ghosts" not in case else [])),
    )
    for case in CASES
]


@pytest.mark.parametrize(
    "case", full_on_torch(IN_FLOAT64, keep=("images", "masked", "renorm", "warm_up"))
)
def test_follows_the_formulas_in_float64(case, float64):
    assert_follows_the_formulas(*CASES[case], "float64")


@pytest.mark.parametrize("mask", [None, np.arange(256) % 3 > 0], ids=["all", "masked"])
def test_does_not_cancel_far_from_zero(mask):
    x = (1000 + 0.1 * random(256, 16)).astype("float32")
    if mask is not None:
        x[~mask] = 1e6
    upstream = random(256, 16, seed=1)
    layer = BatchNormalization()
    layer.build(x.shape)
    twin = references.BatchNormalization(16)
    actual = differentiated(layer, mask=mask)(x, upstream)
    valid = None if mask is None else np.broadcast_to(mask[:, None], x.shape)
    for mine, truth in zip(actual, twin.train(x, upstream, valid), strict=True):
        np.testing.assert_allclose(mine, truth, rtol=1e-4, atol=1e-4 * np.abs(truth).max())
    assert_close(layer.moving_variance, twin.moving_variance)


# Peers


@pytest.mark.oldest
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", ["images", "channels_first", "masked"])
def test_equals_keras(case, training):
    shape, arguments, call_arguments = CASES[case]
    ours, theirs = BatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)
    for step in range(3):
        x = random(*shape, seed=step)
        y = ours(x, training=training, **call_arguments)
        assert_close(y, theirs(x, training=training, **call_arguments))
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        assert mine.name == other.name
        assert_close(mine, other)


@pytest.mark.backend("torch")
def test_equals_torch_but_for_the_unbiased_moving_variance():
    import torch

    x = random(32, 4)
    layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
    peer = torch.nn.BatchNorm1d(4, momentum=0.1)
    assert_close(layer(x, training=True), peer(torch.tensor(x)).detach())
    assert_close(layer.moving_mean, peer.running_mean)
    unbiased = (array(layer.moving_variance) - 0.9) * 32 / 31 + 0.9
    assert_close(unbiased, peer.running_var)


# Properties


def test_output_has_zero_mean_and_unit_variance():
    y = array(BatchNormalization(epsilon=0.0)(5 + 3 * random(64, 4), training=True))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-6)


def test_wholly_masked_batch_gives_finite_outputs():
    y = BatchNormalization()(random(4, 3, 2), training=True, mask=np.zeros((4, 3), bool))
    assert np.isfinite(array(y)).all()


def test_masked_values_do_not_matter():
    mask = np.array([True, True, False, True])
    x = random(4, 3)
    spoiled = x.copy()
    spoiled[2] = np.nan
    y, clean = (BatchNormalization()(a, training=True, mask=mask) for a in (spoiled, x))
    np.testing.assert_array_equal(array(y)[mask], array(clean)[mask])


def test_regularizers_count_in_the_losses():
    layer = BatchNormalization(gamma_regularizer=keras.regularizers.L2(0.5))
    layer.build((None, 4))
    assert_close(sum(layer.losses), 2.0)
