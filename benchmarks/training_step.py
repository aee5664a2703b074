"""Training steps: forward, backward and update in Keras's compiled train function, as ratios.

The function is called as `fit` calls it, on one batch over and over: "mlp-512" and "10M" on 128
examples, "64-layer" on 32. Adam is compared with Keras's Adam, NAG with Keras's SGD with Nesterov
momentum; "A/A" is a second model with Keras's optimizer. "torch.optim, fused" trains the same
layers in a plain PyTorch loop, without Keras's trainer.
"""

import itertools

import _harness
import _rules
import keras
import numpy as np

# The batch size, the number of inputs, and the width of every dense layer.
NETWORKS = {
    "mlp-512": (128, 784, 512, 512, 10),
    "64-layer": (32, 64, *[64] * 64),
    "10M": (128, 784, 2048, 2048, 2048, 10),
}


def compare(case: str) -> None:
    """Print the ratios for one network."""
    for rule in _rules.KERAS:
        contenders = {
            "Keras": train_function(case, _rules.KERAS[rule]()),
            "A/A": train_function(case, _rules.KERAS[rule]()),
            "ours": train_function(case, _rules.OURS[rule]()),
        }
        if _harness.BACKEND == "torch":
            contenders["torch.optim, fused"] = torch_loop(case, rule)
        _harness.print_ratios(f"{case}, {rule}", contenders, "Keras")


def train_function(case: str, optimizer: keras.optimizers.Optimizer) -> _harness.Run:
    """Return a function that takes one step of Keras's trainer and waits for it."""
    model = network(case)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)
    model.make_train_function()
    return BACKENDS[_harness.BACKEND](model, *batch(case))


def network(case: str) -> keras.Model:
    """Return a multilayer perceptron that gives logits."""
    _, inputs, *hidden, classes = NETWORKS[case]
    layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(classes)])


def batch(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels."""
    size, inputs, *_, classes = NETWORKS[case]
    random = np.random.default_rng(0)
    return random.normal(size=(size, inputs)).astype("float32"), random.integers(classes, size=size)


def torch_loop(case: str, rule: str) -> _harness.Run:
    """Return a function that takes one step of a plain PyTorch loop on the network."""
    import torch

    model = network(case)
    optimizer = _rules.in_torch(rule)(model.parameters(), fused=True)
    x, y = map(torch.tensor, batch(case))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x, training=True), y).backward()
        optimizer.step()

    return step


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


BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


if __name__ == "__main__":
    _harness.each_alone(compare, NETWORKS, f"{'network and rule':28} {'':26}  ratio  [p10 p90]")
