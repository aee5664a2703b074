"""LearningRate: `fit` with a schedule, as a ratio to `fit` with a constant learning rate.

An epoch of 100 steps through `fit`, on one batch over and over, with Keras's Adam: "mlp-512" on 128
examples, "cnn" on 64 images of 28 x 28, "64-layer" on 32. All follow a cosine after a warm-up:
LearningRate from outside of the step, ours and Keras's CosineDecay in the optimizer inside of it.
The constant rate, the same again and LearningRate share one model and its compiled step.
"""

import itertools
from collections.abc import Callable
from typing import Any

import _harness
import _trainers
import keras

from keras_trainkit.callbacks import LearningRate
from keras_trainkit.schedules import CosineDecay

CASES = ("mlp-512", "cnn", "64-layer")
STEPS = 100
WARMUP, DECAY = 1000, 10**6


def compare(case: str) -> None:
    """Print the ratios for one network."""
    ours = CosineDecay(1e-3, DECAY).warmup(WARMUP)
    keras_cosine = keras.optimizers.schedules.CosineDecay(
        0.0, DECAY, warmup_target=1e-3, warmup_steps=WARMUP
    )
    constant = epoch(case, 1e-3)
    contenders = {
        "constant": constant,
        "A/A": constant,
        "LearningRate": lambda: constant(LearningRate(ours)),
        "ours in the optimizer": epoch(case, ours),
        "keras in the optimizer": epoch(case, keras_cosine),
    }
    _harness.print_ratios(case, contenders, "constant")


def epoch(case: str, learning_rate: Any) -> Callable[..., object]:
    """Return a function that trains a new model for an epoch, with callbacks if it is given any."""
    model = _trainers.compiled(case, keras.optimizers.Adam(learning_rate))
    data = endless(case)
    arguments = {"steps_per_epoch": STEPS, "shuffle": False, "verbose": 0}
    return lambda *callbacks: model.fit(data, callbacks=list(callbacks), **arguments)


def endless(case: str) -> Any:
    """Return one batch over and over, as the backend's trainer takes it with the least work."""
    batch = _trainers.batch(case)
    if _harness.BACKEND != "tensorflow":
        return (batch for _ in itertools.count())
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


if __name__ == "__main__":
    _harness.each_alone(compare, CASES, f"{'network':28} {'':26}  ratio  [p10 p90]")
