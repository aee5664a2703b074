"""GradientMonitor: training steps that are watched, as ratios to the same steps unwatched.

A hundred steps through Keras's train function with what `fit` calls around them, on one batch over
and over: "mlp-512" on 128 examples, "cnn" on 64 images of 28 x 28, "64-layer" on 32. "default"
measures one step in a hundred, as it does after step 800. All with Keras's Adam, but for "our
Adam". Peers: the norms in the logs, fetched at each batch; `tf.summary.histogram` of each gradient;
a histogram of each gradient in the manner of `wandb.watch` (PyTorch).
"fit": whole fits of two epochs of a hundred steps, with the facts when they begin, the trial before
the first update, and the probe after each epoch; "no probe": with the facts alone.
"""

import itertools
import os
import tempfile
from typing import Any

import _harness
import _trainers
import keras
import numpy as np

from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.optimizers import Adam

CASES = ("mlp-512", "cnn", "64-layer")
STEPS = int(os.environ.get("STEPS", "100"))
FIRST_BATCH = 1000
EPOCHS = 2


def compare(case: str) -> None:
    """Print the ratios for one network."""
    contenders = {
        "Keras": unwatched(case, keras.optimizers.Adam()),
        "A/A": unwatched(case, keras.optimizers.Adam()),
        "default": watched(case, keras.optimizers.Adam()),
        "norms, every step": watched(case, keras.optimizers.Adam(), every=1, statistics="norms"),
        "full, every step": watched(case, keras.optimizers.Adam(), every=1),
        "histograms, 1 in 100": watched(
            case, keras.optimizers.Adam(), statistics=("full", "histograms")
        ),
        "our Adam, unwatched": unwatched(case, Adam()),
        "our Adam, default": watched(case, Adam()),
        "our Adam, full, every step": watched(case, Adam(), every=1),
        **PEERS[_harness.BACKEND](case),
    }
    _harness.print_ratios(case, contenders, "Keras")
    fits = {
        "Keras": whole(case, []),
        "A/A": whole(case, []),
        "default": whole(case, [GradientMonitor()]),
        "no probe": whole(case, [GradientMonitor(probe=None)]),
    }
    _harness.print_ratios(f"{case}, fit", fits, "Keras")


def unwatched(case: str, optimizer: keras.optimizers.Optimizer) -> _harness.Run:
    """Return a function that takes the steps."""
    return in_fit(_trainers.compiled(case, optimizer), case, [])


def watched(case: str, optimizer: keras.optimizers.Optimizer, **arguments: Any) -> _harness.Run:
    """Return a function that takes the steps with a monitor."""
    return in_fit(_trainers.compiled(case, optimizer), case, [GradientMonitor(**arguments)])


def in_fit(model: keras.Model, case: str, callbacks: list[Any]) -> _harness.Run:
    """Return a function that takes the steps as `fit` does, in an epoch without end."""
    called = keras.callbacks.CallbackList(callbacks, add_history=True, model=model)
    called.on_train_begin()
    called.on_epoch_begin(0)
    step = _trainers.step(model, case)
    batches = itertools.count(FIRST_BATCH)

    def step_with_callbacks() -> None:
        batch = next(batches)
        called.on_train_batch_begin(batch)
        step()
        called.on_train_batch_end(batch, {})

    return repeated(step_with_callbacks)


def whole(case: str, callbacks: list[Any]) -> _harness.Run:
    """Return a function that calls `fit`."""
    model = _trainers.compiled(case, keras.optimizers.Adam())
    x, y = (np.concatenate([part] * STEPS) for part in _trainers.batch(case))
    fit = {"batch_size": len(x) // STEPS, "epochs": EPOCHS, "verbose": 0, "callbacks": callbacks}
    return lambda: model.fit(x, y, **fit)


def repeated(step: _harness.Run) -> _harness.Run:
    """Return a function that takes the steps from one sample of the default to the next."""

    def steps() -> None:
        for _ in range(STEPS):
            step()

    return steps


def _tensorflow(case: str) -> _harness.Contenders:
    import tensorflow as tf

    writer = tf.summary.create_file_writer(tempfile.mkdtemp())

    class Watching(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss} | self.watch(gradients)

    class Norms(Watching):
        def watch(self, gradients: list[Any]) -> dict[str, Any]:
            return {f"norm_{i}": tf.norm(gradient) for i, gradient in enumerate(gradients)}

    class Histograms(Watching):
        def watch(self, gradients: list[Any]) -> dict[str, Any]:
            with writer.as_default():
                for i, gradient in enumerate(gradients):
                    tf.summary.histogram(f"gradient_{i}", gradient, self.optimizer.iterations)
            return {}

    norms, histograms = (
        _trainers.step(_trainers.compiled(case, keras.optimizers.Adam(), cls), case)
        for cls in (Norms, Histograms)
    )
    return {
        "norms fetched per batch": repeated(lambda: [float(v) for v in norms().values()]),
        "tf.summary.histogram": repeated(histograms),
    }


def _torch(case: str) -> _harness.Contenders:
    import torch

    models = [_trainers.compiled(case, keras.optimizers.Adam()) for _ in range(2)]
    norms, histograms = (_trainers.step(model, case) for model in models)

    def gradients(model: keras.Model) -> list[Any]:
        return [v.value.grad for v in model.trainable_variables]

    def with_norms() -> None:
        norms()
        for gradient in gradients(models[0]):
            gradient.norm().item()

    def with_histograms() -> None:
        histograms()
        for gradient in gradients(models[1]):
            low, high = gradient.min().item(), gradient.max().item()
            torch.histc(gradient.flatten(), 64, low, high).tolist()

    return {
        "norms fetched per batch": repeated(with_norms),
        "histograms as wandb.watch": repeated(with_histograms),
    }


def _jax(case: str) -> _harness.Contenders:
    return {}


PEERS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


if __name__ == "__main__":
    _harness.each_alone(compare, CASES, f"{'network':28} {'':26}  ratio  [p10 p90]")
