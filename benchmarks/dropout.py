"""Dropout: a training step of the layer, forward and backward, as a ratio to Keras's layer.

Rate 0.3, both layers seeded, in a compiled step (PyTorch: eager). "A/A" is Keras's layer against
itself. "floor" moves four arrays, the least that any dropout reads and writes.
"""

import _harness
import keras
import numpy as np
from _steps import training

from keras_trainkit import layers

SHAPES = ("32,128,768", "64,32,32,64", "256,1024", "64,128")
RATE = 0.3


def compare(case: str) -> None:
    """Print the ratios for one shape."""
    shape = tuple(map(int, case.split(",")))
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    contenders = {
        "Keras": training(keras.layers.Dropout(RATE, seed=1), x),
        "A/A": training(keras.layers.Dropout(RATE, seed=1), x),
        "ours": training(layers.Dropout(RATE, seed=1), x),
        "floor": _harness.bandwidth_floor(x, streams=4),
    }
    if _harness.BACKEND == "torch":
        contenders["Keras, unseeded"] = training(keras.layers.Dropout(RATE), x)
        contenders["torch.nn.Dropout"] = _torch_dropout(x)
    _harness.print_ratios(str(shape), contenders, "Keras")


def _torch_dropout(x: np.ndarray) -> _harness.Run:
    import torch

    layer = torch.nn.Dropout(RATE)
    inputs, upstream = torch.tensor(x, requires_grad=True), torch.ones(x.shape)
    return lambda: torch.autograd.grad(layer(inputs), inputs, upstream)


if __name__ == "__main__":
    _harness.each_alone(compare, SHAPES, f"{'shape':28} {'':26}  ratio  [p10 p90]")
