"""Folding: inference of a small residual network without its batch normalization, as a ratio.

The network has three residual blocks of convolutions with Keras's BatchNormalization, on batches of
16 images; `fold_batch_normalization` has compared the outputs before it returns. "A/A" is the
network against itself.
"""

import _harness
import keras
import numpy as np
from _steps import inference

from keras_trainkit.layers import fold_batch_normalization

WIDTHS = "16,32,64"


def compare(case: str) -> None:
    """Print the ratio for one network."""
    model = residual_network(*map(int, case.split(",")))
    x = np.random.default_rng(0).normal(size=(16, *model.input_shape[1:])).astype("float32")
    contenders = {
        "as it is": inference(model, x),
        "A/A": inference(model, x),
        "folded": inference(fold_batch_normalization(model), x),
    }
    _harness.print_ratios(f"residual network {case}", contenders, "as it is")


def residual_network(*widths: int) -> keras.Model:
    """Return a classifier of 32 x 32 images whose moving statistics have seen data."""
    inputs = x = keras.Input((32, 32, 3))
    for width in widths:
        shortcut = _normalized_convolution(x, width, 1)
        x = keras.layers.ReLU()(_normalized_convolution(x, width, 3))
        x = _normalized_convolution(x, width, 3)
        x = keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    model(np.random.default_rng(1).normal(size=(64, 32, 32, 3)).astype("float32"), training=True)
    return model


def _normalized_convolution(x: keras.KerasTensor, width: int, size: int) -> keras.KerasTensor:
    x = keras.layers.Conv2D(width, size, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization()(x)


if __name__ == "__main__":
    _harness.each_alone(compare, [WIDTHS], f"{'network':28} {'':26}  ratio  [p10 p90]")
