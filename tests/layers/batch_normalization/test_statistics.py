"""How batch normalization's statistics move, are cut into ghost batches, and cross replicas."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_trainkit.layers import BatchNormalization
from tests.contracts import array, assert_close, run_in_fresh_process
from tests.layers import replicas
from tests.references import layers as references
from tests.selection import full_on_torch


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Peers


@pytest.mark.backend("torch")
@pytest.mark.parametrize("momentum", [None, 0.1])
@pytest.mark.parametrize("shape", [(8, 4), (3, 4, 5, 5)])
def test_unbiased_equals_torch(shape, momentum):
    import torch

    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    peer = kind(4, momentum=momentum)
    layer = BatchNormalization(
        axis=1,
        momentum=None if momentum is None else 1 - momentum,
        epsilon=1e-5,
        unbiased=True,
    )
    for step in range(5):
        x = 2 + normal(shape[0] + step, *shape[1:], seed=step)
        assert_close(layer(x, training=True), peer(torch.tensor(x)).detach())
        assert_close(layer.moving_mean, peer.running_mean)
        assert_close(layer.moving_variance, peer.running_var)
    if momentum is None:
        assert int(layer.steps.value) == int(peer.num_batches_tracked)
    peer.eval()
    assert_close(layer(x), peer(torch.tensor(x)).detach())


# Moving statistics


def test_without_momentum_they_are_the_average_of_the_batches():
    layer = BatchNormalization(momentum=None, moving_mean_initializer="ones")
    batches = 5 + 2 * normal(7, 16, 3)
    for x in batches:
        layer(x, training=True)
    assert_close(layer.moving_mean, batches.mean((0, 1)))
    assert_close(layer.moving_variance, batches.var(1).mean(0))
    assert int(array(layer.steps)) == 7


@pytest.mark.parametrize("arguments", [{"momentum": None}, {"momentum_warmup": True}, {}], ids=str)
def test_after_one_update_they_are_the_batch_s(arguments):
    layer = BatchNormalization(moving_variance_initializer="zeros", **arguments)
    x = 5 + normal(16, 3)
    layer(x, training=True)
    share = 1.0 if arguments else 0.01
    assert_close(layer.moving_mean, share * x.mean(0))
    assert_close(layer.moving_variance, share * x.var(0))
    assert (layer.steps is not None) == bool(arguments)


def test_frozen_layer_counts_no_steps():
    layer = BatchNormalization(momentum_warmup=True)
    x = normal(8, 3)
    layer(x, training=True)
    layer.trainable = False
    before = layer.get_weights()
    layer(2 * x, training=True)
    layer.trainable = True
    layer(2 * x, training=False)
    for mine, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, expected)
    assert int(array(layer.steps)) == 1


def gap_after_one_epoch(**arguments):
    """Return how far the evaluated loss lies from that in training mode, relatively."""
    keras.utils.set_random_seed(0)
    x = 20 + 5 * normal(320, 4)
    model = keras.Sequential(
        [keras.Input((4,)), BatchNormalization(**arguments), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(x, x[:, :1], batch_size=32, verbose=0)
    in_training = array(model(x, training=True))
    trained = np.square(in_training - x[:, :1]).mean()
    return abs(model.evaluate(x, x[:, :1], verbose=0) / trained - 1)


def test_validation_is_right_from_the_first_epoch_on():
    # The training-mode call moves a trainable layer too, by one step in eleven.
    assert gap_after_one_epoch(momentum_warmup=True) < 0.05
    assert gap_after_one_epoch(momentum=None) < 0.05
    assert gap_after_one_epoch() > 0.2


@pytest.mark.backend("tensorflow", "torch")
@pytest.mark.parametrize("arguments", [{"momentum": None}, {"ghost_batch_size": 3}, {}], ids=str)
def test_layer_in_float64_beside_float32(arguments):
    layer = BatchNormalization(dtype="float64", unbiased=True, **arguments)
    x = 2 + np.random.default_rng(0).normal(size=(7, 3))
    twin = references.BatchNormalization(3, unbiased=True, **arguments)
    for _ in range(3):
        y = layer(keras.ops.convert_to_tensor(x, "float64"), training=True)
        expected = twin.train(x, x)[0]
    assert_close(y, expected, "float64")
    # On PyTorch, `ops.cumprod` over the ghost batches is float32 for float64 too.
    exact = keras.backend.backend() == "tensorflow" or "ghost_batch_size" not in arguments
    assert_close(layer.moving_variance, twin.moving_variance, "float64" if exact else "float32")


# Ghost batches


@pytest.mark.parametrize(
    ("examples", "ghost_batch_size", "sizes"),
    full_on_torch(
        [
            (12, 4, [4, 4, 4]),
            (10, 4, [4, 4, 2]),
            (9, 8, [5, 4]),
            (7, 3, [3, 3, 1]),
            (3, 1, [1, 1, 1]),
            (1, 9, [1]),
        ],
        keep=[(7, 3, [3, 3, 1])],
    ),
)
def test_ghosts_are_batches_one_after_another(examples, ghost_batch_size, sizes):
    arguments = {"momentum": 0.6, "momentum_warmup": True, "unbiased": True}
    ghosts = BatchNormalization(ghost_batch_size=ghost_batch_size, **arguments)
    plain = BatchNormalization(**arguments)
    for step in range(2):
        x = 3 + normal(examples, 2, 3, seed=step)
        parts = np.split(x, np.cumsum(sizes)[:-1])
        expected = np.concatenate([array(plain(part, training=True)) for part in parts])
        assert_close(ghosts(x, training=True), expected)
    for mine, theirs in zip(ghosts.weights, plain.weights, strict=True):
        assert_close(mine, theirs)


def test_masked_ghost_without_elements_is_no_update():
    x, mask = 3 + normal(6, 4, 3), np.ones((6, 4), bool)
    mask[2:4], mask[0, :2] = False, False
    ghosts = BatchNormalization(ghost_batch_size=2, momentum=None, unbiased=True)
    plain = BatchNormalization(momentum=None, unbiased=True)
    ghosts(x, training=True, mask=mask)
    for part in (slice(0, 2), slice(4, 6)):
        plain(x[part], training=True, mask=mask[part])
    for mine, theirs in zip(ghosts.weights, plain.weights, strict=True):
        assert_close(mine, theirs)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_fit_cuts_every_batch_into_ghosts(dtype):
    x = 3 + normal(23, 5, 3)
    layer = BatchNormalization(ghost_batch_size=4, momentum=0.5, center=False, dtype=dtype)
    model = keras.Sequential([keras.Input((None, 3)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(x, x, batch_size=10, shuffle=False, verbose=0)
    twin = references.BatchNormalization(3, ghost_batch_size=4, momentum=0.5)
    for start in (0, 10, 20):
        twin.train(x[start : start + 10], x[start : start + 10])
    compute_dtype = keras.dtype_policies.get(dtype).compute_dtype
    assert_close(layer.moving_mean, twin.moving_mean, compute_dtype)
    assert_close(layer.moving_variance, twin.moving_variance, compute_dtype)


# Replicas: `test_files` has those of TensorFlow


def test_synchronized_alone_is_the_same():
    x = 5 + normal(8, 3)
    alone, synchronized = BatchNormalization(), BatchNormalization(synchronized=True)
    assert_close(synchronized(x, training=True), alone(x, training=True))
    for mine, theirs in zip(synchronized.weights, alone.weights, strict=True):
        assert_close(mine, theirs)


@pytest.mark.backend("torch")
def test_processes_of_torch_share_their_statistics(tmp_path):
    script = Path(replicas.__file__).read_text()
    with ThreadPoolExecutor(2) as pool:
        printed = pool.map(
            lambda rank: run_in_fresh_process(script, rank, tmp_path / "met"), [0, 1]
        )
        found = [json.loads(out.splitlines()[-1]) for out in printed]
    twin = references.BatchNormalization(4, momentum=None, unbiased=True)
    valid = np.broadcast_to(replicas.MASK[..., None], replicas.X.shape[1:])
    batches = zip(replicas.X, replicas.UPSTREAM, strict=True)
    for step, (x, upstream) in enumerate(batches):
        y, dx, *dweights = twin.train(x, upstream, valid)
        for part, process in zip(replicas.PARTS, found, strict=True):
            assert_close(process["results"][step][0], y[part])
            np.testing.assert_allclose(process["results"][step][1], dx[part], rtol=1e-4, atol=1e-4)
        for index, expected in enumerate(dweights, 2):
            total = sum(np.array(process["results"][step][index]) for process in found)
            np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-5)
    for process in found:
        *_, mean, variance, steps = process["weights"]
        assert_close(mean, twin.moving_mean)
        assert_close(variance, twin.moving_variance)
        assert steps == len(replicas.X)


@pytest.mark.backend("jax")
def test_devices_of_jax_train_like_one():
    script = Path(replicas.__file__).read_text()
    one, two = json.loads(run_in_fresh_process(script).splitlines()[-1])
    assert (one["devices"], two["devices"]) == (1, 2)
    for mine, whole in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(mine, whole, rtol=1e-4, atol=1e-4)
