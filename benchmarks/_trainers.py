"""Small networks, and one training step of each through Keras's own train function."""

import itertools

import _harness
import keras
import numpy as np

# The batch size, the number of inputs, and the width of every dense layer.
PERCEPTRONS = {
    "mlp-512": (128, 784, 512, 512, 10),
    "64-layer": (32, 64, *[64] * 64),
    "10M": (128, 784, 2048, 2048, 2048, 10),
}
CNN = "cnn"
IMAGES = (64, 28, 28, 1)


def compiled(
    case: str,
    optimizer: keras.optimizers.Optimizer,
    model_class: type[keras.Sequential] = keras.Sequential,
) -> keras.Model:
    """Return a network with its train function made."""
    model = model_class([keras.Input(batch(case)[0].shape[1:]), *network(case).layers])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)
    model.make_train_function()
    return model


def network(case: str) -> keras.Model:
    """Return a network that gives logits."""
    if case == CNN:
        return _cnn()
    _, inputs, *hidden, classes = PERCEPTRONS[case]
    layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(classes)])


def batch(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels."""
    shape, classes = IMAGES, 10
    if case != CNN:
        *shape, classes = *PERCEPTRONS[case][:2], PERCEPTRONS[case][-1]
    random = np.random.default_rng(0)
    return random.normal(size=shape).astype("float32"), random.integers(classes, size=shape[0])


def step(model: keras.Model, case: str) -> _harness.Run:
    """Return a function that calls `model.train_function` as `fit` does, and waits for it."""
    return DRIVERS[_harness.BACKEND](model, *batch(case))


def _cnn() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(IMAGES[1:]),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def _tensorflow(model: keras.Model, x: np.ndarray, y: np.ndarray) -> _harness.Run:
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    iterator = iter(tf.data.Dataset.from_tensors((x, y)).repeat().with_options(options))
    return lambda: model.train_function(iterator)


def _jax(model: keras.Model, x: np.ndarray, y: np.ndarray) -> _harness.Run:
    import jax

    batches = itertools.repeat((jax.numpy.asarray(x), jax.numpy.asarray(y)))
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    wanted = {f"{kind}_variables": True for kind in kinds}
    state = model._get_jax_state(**wanted, purge_model_variables=True)

    def step() -> None:
        nonlocal state
        logs, state = model.train_function(state, batches)
        jax.block_until_ready((logs, state))

    return step


def _torch(model: keras.Model, x: np.ndarray, y: np.ndarray) -> _harness.Run:
    import torch

    batches = [(torch.tensor(x), torch.tensor(y))]
    return lambda: model.train_function(batches)


DRIVERS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
