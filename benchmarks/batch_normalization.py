"""Batch normalization: a training step (forward and backward) and inference, as ratios to Keras's.

A layer in a compiled step (PyTorch: eager), channels last, inputs N(0, 1) and, as "far", 1000 +-
0.1, where ours takes the refined path and Keras's loses its digits. "A/A" is Keras's layer against
itself. "floor" moves eight arrays, two at inference: the least that two-pass statistics read and
write.
"""

import _harness
import keras
import numpy as np
from _steps import inference, training

from keras_trainkit import layers

SHAPES = ("32,56,56,64", "256,1024", "64,128")


def compare(case: str) -> None:
    """Print the ratios for one shape."""
    shape = tuple(map(int, case.split(",")))
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    contenders = {
        "Keras": training(keras.layers.BatchNormalization(), x),
        "A/A": training(keras.layers.BatchNormalization(), x),
        "ours": training(layers.BatchNormalization(), x),
        "ours, far": training(layers.BatchNormalization(), 1000 + np.float32(0.1) * x),
        "floor": _harness.bandwidth_floor(x, streams=8),
    }
    if _harness.BACKEND == "torch":
        contenders |= _torch_batch_norm(x)
    _harness.print_ratios(f"{shape} training", contenders, "Keras")
    contenders = {
        "Keras": inference(keras.layers.BatchNormalization(), x),
        "A/A": inference(keras.layers.BatchNormalization(), x),
        "ours": inference(layers.BatchNormalization(), x),
        "floor": _harness.bandwidth_floor(x, streams=2),
    }
    _harness.print_ratios(f"{shape} inference", contenders, "Keras")


def _torch_batch_norm(x: np.ndarray) -> _harness.Contenders:
    """Return torch.nn's layer on the same memory, and on its own order of axes if that differs."""
    import torch

    kind = torch.nn.BatchNorm2d if x.ndim == 4 else torch.nn.BatchNorm1d
    name = kind.__name__

    def step(inputs: torch.Tensor) -> _harness.Run:
        layer, upstream = kind(x.shape[-1]), torch.ones_like(inputs)
        inputs.requires_grad_()
        weights = [inputs, *layer.parameters()]
        return lambda: torch.autograd.grad(layer(inputs), weights, upstream)

    second = torch.tensor(x).movedim(-1, 1)
    if x.ndim == 2:
        return {f"torch.nn.{name}": step(second)}
    return {
        f"torch.nn.{name}": step(second),
        f"torch.nn.{name}, NCHW": step(second.contiguous()),
    }


if __name__ == "__main__":
    _harness.each_alone(compare, SHAPES, f"{'shape':28} {'':26}  ratio  [p10 p90]")
