"""What a monitor should record of a plain training, found out without it.

The weights are looked at between the steps; the gradients are taken anew, at those weights, by the
backend's own differentiation of the loss.
"""

from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from tests.contracts import array
from tests.references.gradient_statistics import clip, histogram, signal_and_noise, statistics


@dataclass
class Look:
    """One step: where it was, and the model's variables before and after."""

    step: int
    epoch: int
    rows: slice
    trainable: list
    non_trainable: list
    after: list = field(default_factory=list)


class Witness(keras.callbacks.Callback):
    """Looks at a model before and after every step of a `fit` that takes its batches in order."""

    def __init__(self, batch_size=8):
        super().__init__()
        self.batch_size = batch_size
        self.looks = []

    def on_train_begin(self, logs=None):
        self.first = int(array(self.model.optimizer.iterations))
        self.looks = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
        model, step = self.model, self.first + len(self.looks)
        parts = values(model.trainable_variables), values(model.non_trainable_variables)
        self.looks.append(Look(step, self.epoch, rows, *parts))

    def on_train_batch_end(self, batch, logs=None):
        self.looks[-1].after = values(self.model.trainable_variables)


@dataclass
class Expected:
    """What a `diagnosis.History` should hold, step by step."""

    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)
    table: list = field(default_factory=list)
    signal: list = field(default_factory=list)
    noise: list = field(default_factory=list)
    histograms: list = field(default_factory=list)


def expected_of(looks, model, x, y, clips=lambda step: {}):
    """Return what is expected of a record that holds these steps.

    `clips` gives the arguments of `clip` at a step, or None where clipping is not known.
    """
    differentiate, last, last_gradients = gradient_function(model), None, None
    found = Expected()
    for look in looks:
        gradients = differentiate(look.trainable, look.non_trainable, x[look.rows], y[look.rows])
        follows = last is not None and last.step == look.step - 1
        others = last_gradients if follows else [None] * len(gradients)
        columns = gradients, look.trainable, moves(look), clipped(gradients, clips(look.step))
        found.table.append([statistics(*row) for row in zip(*columns, others, strict=True)])
        sizes = len(x[look.rows]), len(x[last.rows]) if follows else 0
        moments = signal_and_noise(gradients, others, *sizes) if follows else (np.nan, np.nan)
        found.signal.append(moments[0])
        found.noise.append(moments[1])
        found.histograms.append([histogram(g) for g in gradients])
        found.steps.append(look.step)
        found.epochs.append(look.epoch)
        last, last_gradients = look, gradients
    return found


def moves(look):
    """Return how far each weight was moved."""
    pairs = zip(look.after, look.trainable, strict=True)
    return [after.astype("float64") - before for after, before in pairs]


def clipped(gradients, arguments):
    """Return the gradients after clipping, NaN where it is not known."""
    if arguments is None:
        return [np.nan * g for g in gradients]
    return clip(gradients, **arguments)


def values(variables):
    """Return copies: some backends share their memory with NumPy."""
    return [np.array(array(variable)) for variable in variables]


def gradient_function(model):
    """Return a function from variables, inputs and targets to float64 gradients."""

    def objective(trainable, non_trainable, x, y):
        outputs, _ = model.stateless_call(trainable, non_trainable, x, training=True)
        outputs = ops.cast(outputs, "float32")
        return ops.mean(keras.losses.sparse_categorical_crossentropy(y, outputs))

    differentiate = {"jax": _by_jax, "tensorflow": _by_tensorflow, "torch": _by_torch}
    gradients = differentiate[keras.backend.backend()](objective)
    return lambda *arguments: [array(g).astype("float64") for g in gradients(*arguments)]


def _by_jax(objective):
    import jax

    return jax.jit(jax.grad(objective))


def _by_tensorflow(objective):
    import tensorflow as tf

    def gradients(trainable, *rest):
        trainable = [tf.convert_to_tensor(w) for w in trainable]
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            value = objective(trainable, *map(_tensors, rest))
        found = tape.gradient(value, trainable, unconnected_gradients="zero")
        return [tf.convert_to_tensor(gradient) for gradient in found]

    return gradients


def _by_torch(objective):
    import torch

    def gradients(trainable, *rest):
        trainable = [torch.tensor(w, requires_grad=True) for w in trainable]
        value = objective(trainable, *map(_tensors, rest))
        return torch.autograd.grad(value, trainable, allow_unused=True, materialize_grads=True)

    return gradients


def _tensors(arrays):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, arrays)
