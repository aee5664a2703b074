"""The configurations that the gradient monitor is tested in: one row each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.optimizers import SGD, LossScaleOptimizer

from keras_trainkit import optimizers as ours
from tests.callbacks.custom_steps import Guide, Pair
from tests.callbacks.monitored import compiled, data, softmax

ALL = ("tensorflow", "jax", "torch")
COMPILING = ("tensorflow", "jax")
Clips = Callable[[int], dict | None]


def once(row, model, callbacks) -> Iterator[dict]:
    """Fit once; a row's `train` yields the logs of every `fit` that has the callbacks."""
    yield row.fit_to(model, callbacks)


@dataclass(frozen=True)
class Row:
    """A model, its optimizer, and how it is trained.

    `steps` are those to be recorded, counted from the first of the `fit`; `clips` gives the
    arguments of `references.gradient_statistics.clip` at a step, or None where the monitor cannot
    know what clipping does.
    """

    make: Callable = softmax
    optimizer: Callable = lambda: SGD(0.1)
    compile: dict[str, Any] = field(default_factory=dict)
    rows: int = 24
    x: Callable = lambda rows: data(rows)[0]
    train: Callable = once
    every: int = 1
    steps: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    clips: Clips = lambda step: {}
    probe: str | None = None
    policy: str = "float32"
    backends: tuple[str, ...] = ALL

    def model(self, **arguments):
        """Return the same compiled model at every call."""
        keras.config.set_dtype_policy(self.policy)
        return compiled(self.make, self.optimizer(), **{**self.compile, **arguments})

    def data(self):
        """Return inputs and targets."""
        return self.x(self.rows), data(self.rows)[1]

    def fit_to(self, model, callbacks, **arguments):
        """Train for two epochs, the batches in order; return the logs."""
        x, y = self.data()
        keras.utils.set_random_seed(4)
        arguments = {"epochs": 2, **arguments}
        settings = {"batch_size": 8, "shuffle": False, "verbose": 0}
        return model.fit(x, y, callbacks=list(callbacks), **settings, **arguments).history


def network():
    hidden = layers.Dense(4, "tanh", name="hidden")
    return keras.Sequential([keras.Input((3,)), hidden, layers.Dense(2, "softmax", name="out")])


def normalized():
    hidden = [layers.Dense(4, use_bias=False, name="hidden"), layers.BatchNormalization()]
    out = layers.Dense(2, "softmax", name="out")
    return keras.Sequential([keras.Input((3,)), *hidden, layers.Activation("tanh"), out])


def embedding():
    table = layers.Embedding(9, 2, name="table")
    out = layers.Dense(2, "softmax", name="out")
    return keras.Sequential([keras.Input((3,)), table, layers.Flatten(), out])


def tokens(rows):
    return np.random.default_rng(2).integers(0, 5, (rows, 3))


def sequences(rows):
    return np.random.default_rng(2).normal(size=(rows, 5, 3)).astype("float32")


def pooled():
    """Return what on TensorFlow has a gradient of shape (None, 4): that of a kernel."""
    pool = layers.GlobalAveragePooling1D()
    out = layers.Dense(2, "softmax", name="out")
    return keras.Sequential([keras.Input((5, 3)), layers.Dense(4, name="hidden"), pool, out])


def convolved():
    """Return a network for sequences of any length, which no shape tells."""
    inputs = keras.Input((None, 3))
    x = layers.Conv1D(4, 2, activation="tanh", name="hidden")(inputs)
    x = layers.GlobalMaxPooling1D()(layers.LayerNormalization(name="norm")(x))
    return keras.Model(inputs, layers.Dense(2, "softmax", name="out")(x))


class Subclassed(keras.Model):
    """Built by its first batch."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4, "tanh", name="hidden")
        self.out = layers.Dense(2, "softmax", name="out")

    def build(self, shape):
        self.hidden.build(shape)
        self.out.build((*shape[:-1], 4))

    def call(self, x, training=False):
        return self.out(self.hidden(x))


class Unused(Subclassed):
    """Holds a weight that its output does not depend on."""

    def build(self, shape):
        self.idle = self.add_weight(shape=(2,), name="idle", initializer="ones")
        super().build(shape)


class Twins(keras.Model):
    """Two layers of one name, the first of them used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (layers.Dense(3, name="twin") for _ in range(2))
        self.out = layers.Dense(2, "softmax", name="out")

    def build(self, shape):
        for layer in (self.first, self.second, self.out):
            layer.build(shape)

    def call(self, x, training=False):
        return self.out(self.second(self.first(self.first(x))))


def built(make):
    """Return a model that is built before its first batch."""
    model = make()
    model.build((None, 3))
    return model


def frozen():
    model = network()
    model.layers[0].trainable = False
    return model


def frozen_anew(row, model, callbacks):
    """Train all layers, then the last, then all."""
    for trainable in (True, False, True):
        model.layers[0].trainable = trainable
        model.compile(row.optimizer(), model.loss)
        yield row.fit_to(model, callbacks, epochs=1)


def fitted_again(row, model, callbacks):
    """Train in turn with and without the callbacks, and by `train_on_batch`."""
    x, y = (part[:8] for part in row.data())
    yield row.fit_to(model, callbacks, epochs=1)
    loss = float(model.train_on_batch(x, y))
    logs = row.fit_to(model, callbacks, epochs=1)
    yield {**logs, "of_batch": [loss]}
    plain = row.fit_to(model, [])["loss"]
    loss = float(model.train_on_batch(x, y))
    logs = row.fit_to(model, callbacks, initial_epoch=2, epochs=3)
    yield {**logs, "plain": plain, "of_batch": [loss]}


def from_generator(row, model, callbacks):
    """Train on batches whose number is not known before."""
    x, y = row.data()
    batches = ((x[i : i + 8], y[i : i + 8]) for i in range(0, len(x), 8))
    keras.utils.set_random_seed(4)
    yield model.fit(batches, shuffle=False, verbose=0, callbacks=list(callbacks)).history


def from_dataset(row, model, callbacks):
    """Train on a `tf.data.Dataset`."""
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices(row.data()).batch(8)
    keras.utils.set_random_seed(4)
    arguments = {"epochs": 2, "shuffle": False, "verbose": 0}
    yield model.fit(batches, callbacks=list(callbacks), **arguments).history


class Clipnorm(keras.callbacks.Callback):
    """Sets the limit of every epoch."""

    limits = (0.3, 0.1)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.clipnorm = self.limits[epoch]


def limit_changed(row, model, callbacks):
    """Change `clipnorm` while training."""
    yield row.fit_to(model, [*callbacks, Clipnorm()])


def always(**arguments) -> Clips:
    """Return the same limits for every step."""
    return lambda step: arguments


def unknown(step):
    """Return that what clipping does is not known."""


def clipping(rule, name, limit):
    """Return a row whose optimizer has one limit."""
    return Row(optimizer=lambda: rule(0.1, **{name: limit}), clips=always(**{name: limit}))


ROWS = {
    "plain": Row(network),
    "batch normalization, Adam": Row(normalized, lambda: keras.optimizers.Adam(0.01)),
    "subclassed, built by its first batch": Row(Subclassed),
    # On JAX the first is what Keras does by itself, the second is the same as the third.
    "jit": Row(compile={"jit_compile": True}, backends=("tensorflow",)),
    "no jit": Row(compile={"jit_compile": False}, backends=("tensorflow",)),
    "eager": Row(compile={"run_eagerly": True}),
    "torch.compile": Row(compile={"jit_compile": True}, backends=("torch",)),
    "steps_per_execution": Row(compile={"steps_per_execution": 2}, backends=COMPILING),
    "steps_per_execution, sampled": Row(
        compile={"steps_per_execution": 2}, every=6, steps=(0, 1, 5), backends=COMPILING
    ),
    "sampled, NAG": Row(optimizer=lambda: ours.NAG(0.1), every=3, steps=(0, 2, 3, 5)),
    "partial last batch": Row(rows=20),
    "data of unknown length": Row(rows=48, train=from_generator),
    "first batch probed, tf.data": Row(
        train=from_dataset, probe="first_batch", backends=("tensorflow",)
    ),
    "first batch probed, generator": Row(rows=48, train=from_generator, probe="first_batch"),
    "first batch probed, steps_per_execution": Row(
        compile={"steps_per_execution": 2}, probe="first_batch", backends=COMPILING
    ),
    "LossScaleOptimizer": Row(
        optimizer=lambda: LossScaleOptimizer(SGD(0.1, momentum=0.9), 64.0, 2)
    ),
    "LossScaleOptimizer, global_clipnorm": Row(
        optimizer=lambda: LossScaleOptimizer(ours.Adam(0.01, global_clipnorm=0.1), 64.0, 2),
        clips=always(global_clipnorm=0.1),
    ),
    "mixed_float16": Row(
        optimizer=lambda: LossScaleOptimizer(SGD(0.1), 64.0), policy="mixed_float16"
    ),
    "loss_scale_factor, clipvalue": Row(
        optimizer=lambda: SGD(0.1, loss_scale_factor=8.0, clipvalue=0.05),
        clips=always(clipvalue=0.05),
    ),
    "accumulation": Row(
        optimizer=lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2), clips=unknown
    ),
    "accumulation, ours": Row(
        optimizer=lambda: ours.Adam(0.01, gradient_accumulation_steps=2), clips=unknown
    ),
    "clipnorm": clipping(SGD, "clipnorm", 0.2),
    "global_clipnorm": clipping(SGD, "global_clipnorm", 0.2),
    "clipvalue": clipping(SGD, "clipvalue", 0.05),
    "clipnorm of zero, which is none": Row(optimizer=lambda: SGD(0.1, clipnorm=0.0)),
    "clipnorm, ours": clipping(ours.NAG, "clipnorm", 0.2),
    "global_clipnorm, ours": clipping(ours.NAG, "global_clipnorm", 0.2),
    "clipvalue, ours": clipping(ours.NAG, "clipvalue", 0.05),
    "clipnorm changed, ours": Row(
        optimizer=lambda: ours.Adam(0.01, clipnorm=1.0),
        train=limit_changed,
        clips=lambda step: {"clipnorm": Clipnorm.limits[step // 3]},
    ),
    "percentile clipping, ours": Row(
        optimizer=lambda: ours.AdamW(0.01, clipping=ours.PercentileClipping(50.0)), clips=unknown
    ),
    "skip_nonfinite, ours": Row(optimizer=lambda: ours.Adam(0.01, skip_nonfinite=True)),
    "EMA": Row(optimizer=lambda: SGD(0.1, use_ema=True, ema_overwrite_frequency=2)),
    "weight decay, schedule": Row(
        optimizer=lambda: keras.optimizers.AdamW(
            keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5), weight_decay=0.1
        )
    ),
    "sparse gradients": Row(embedding, x=tokens),
    "sparse gradients, clipnorm": Row(
        embedding, lambda: SGD(0.1, clipnorm=0.1), x=tokens, clips=always(clipnorm=0.1)
    ),
    "sequences in partial batches": Row(pooled, rows=20, x=sequences),
    "sequences in partial batches, jit": Row(
        pooled,
        compile={"jit_compile": True},
        rows=20,
        x=sequences,
        backends=("tensorflow",),
    ),
    "sequences of any length, clipnorm, tf.data": Row(
        convolved,
        lambda: ours.AdamW(0.01, clipnorm=0.1),
        rows=20,
        x=sequences,
        train=from_dataset,
        clips=always(clipnorm=0.1),
        backends=("tensorflow",),
    ),
    "gradients that are None": Row(lambda: built(Unused)),
    "shared layers of one name": Row(lambda: built(Twins)),
    "frozen": Row(frozen),
    "frozen anew": Row(network, train=frozen_anew, steps=(0, 1, 2)),
    "several fits, train_on_batch": Row(train=fitted_again, steps=(0, 1, 2)),
    "custom train_step": Row(lambda: built(Guide)),
    "several optimizers": Row(Pair, lambda: [SGD(0.1, momentum=0.9), keras.optimizers.Adam(0.01)]),
}

# What every backend runs in the short form, beside what PyTorch cannot: each thing once.
SHORT = (
    "batch normalization, Adam",
    "subclassed, built by its first batch",
    "sampled, NAG",
    "LossScaleOptimizer, global_clipnorm",
    "mixed_float16",
    "clipnorm changed, ours",
    "sparse gradients, clipnorm",
    "sequences in partial batches",
    "frozen anew",
    "custom train_step",
    "several optimizers",
)

# Keras's optimizers clip on each TensorFlow replica what it has, not the sum that is recorded.
APART = keras.backend.backend() == "tensorflow"
REPLICATED = {
    "momentum": Row(optimizer=lambda: SGD(0.1, momentum=0.9)),
    "LossScaleOptimizer": ROWS["LossScaleOptimizer"],
    "clipnorm": replace(ROWS["clipnorm"], clips=unknown) if APART else ROWS["clipnorm"],
    "sampled, clipnorm, ours": replace(ROWS["clipnorm, ours"], every=3, steps=(0, 2, 3, 5)),
}
