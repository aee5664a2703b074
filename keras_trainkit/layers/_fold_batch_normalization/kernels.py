"""Batch normalization as the kernel and bias of the layer before it, computed in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_trainkit._tensors import float64_of
from keras_trainkit.layers.batch_normalization import BatchNormalization

NORMALIZATIONS = (BatchNormalization, layers.BatchNormalization)


def _over_last_axis(scale: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return scale


def _over_last_axis_but_one(scale: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return scale[:, None]


def _over_last_two_axes(scale: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return scale.reshape(kernel.shape[-2:])


# The kernel that makes the output, and where the output channels lie in it.
KERNELS: dict[type, tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    layers.Dense: ("kernel", _over_last_axis),
    layers.Conv1D: ("kernel", _over_last_axis),
    layers.Conv2D: ("kernel", _over_last_axis),
    layers.Conv3D: ("kernel", _over_last_axis),
    layers.Conv1DTranspose: ("kernel", _over_last_axis_but_one),
    layers.Conv2DTranspose: ("kernel", _over_last_axis_but_one),
    layers.Conv3DTranspose: ("kernel", _over_last_axis_but_one),
    layers.DepthwiseConv1D: ("kernel", _over_last_two_axes),
    layers.DepthwiseConv2D: ("kernel", _over_last_two_axes),
    layers.SeparableConv1D: ("pointwise_kernel", _over_last_axis),
    layers.SeparableConv2D: ("pointwise_kernel", _over_last_axis),
}


def is_linear(operation: Any) -> bool:
    """Whether the layer is one of those listed, computes no more, and owns a plain kernel."""
    return (
        type(operation) in KERNELS
        and operation.activation in (None, keras.activations.linear)
        and operation.quantization_mode is None
        and not getattr(operation, "lora_enabled", False)
    )


def channel_axis(layer: Any, rank: int) -> int:
    """Return the axis of a linear layer's output of `rank` axes that holds its channels."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else rank - 1


def scale_and_shift(normalization: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what the normalization multiplies its inputs by at inference, and then adds."""
    scale = 1 / np.sqrt(float64_of(normalization.moving_variance) + normalization.epsilon)
    if normalization.scale:
        scale = scale * float64_of(normalization.gamma)
    shift = -scale * float64_of(normalization.moving_mean)
    if normalization.center:
        shift = shift + float64_of(normalization.beta)
    return scale, shift


def write_folded(source: Any, target: Any, normalizations: Sequence[Any]) -> None:
    """Give `target` the kernel and bias of `source` with `normalizations` behind it."""
    name, over_channels = KERNELS[type(source)]
    kernel = float64_of(getattr(source, name))
    bias = float64_of(source.bias) if source.use_bias else 0.0
    for scale, shift in map(scale_and_shift, normalizations):
        kernel = kernel * over_channels(scale, kernel)
        bias = bias * scale + shift
    getattr(target, name).assign(kernel)
    target.bias.assign(bias)
    if name == "pointwise_kernel":
        target.depthwise_kernel.assign(float64_of(source.depthwise_kernel))
