"""The shape of the noise that a mask is made of, where it is not that of the inputs."""

from typing import Any

from keras import ops

from keras_trainkit._tensors import Tensor
from keras_trainkit._validation import integer, invalid

NoiseShape = tuple[int | None, ...]


def checked_noise_shape(noise_shape: Any) -> NoiseShape | None:
    """Return the argument as a tuple, or raise."""
    if noise_shape is None:
        return None
    try:
        return tuple(
            entry if entry is None else integer("noise_shape", entry, low=1)
            for entry in noise_shape
        )
    except (TypeError, ValueError) as error:
        requirement = "a sequence of positive integers and None"
        raise invalid("noise_shape", requirement, noise_shape) from error


def noise_shape_for(inputs: Tensor, noise_shape: NoiseShape | None) -> tuple[Any, ...] | None:
    """Return the shape with the sizes of the inputs for `None`, or raise if it does not fit."""
    if noise_shape is None:
        return None
    shape = tuple(inputs.shape)
    missing = len(shape) - len(noise_shape)
    # Which axes `None` stands for is open in a shorter shape, whose entries are the last ones.
    if missing < 0 or (missing and None in noise_shape):
        raise invalid("noise_shape", f"of the inputs' rank {len(shape)}", noise_shape)
    if any(
        isinstance(size, int) and entry not in (None, 1, size)
        for entry, size in zip(noise_shape, shape[missing:], strict=True)
    ):
        requirement = f"broadcastable to the inputs' shape {shape}"
        raise invalid("noise_shape", requirement, noise_shape)
    sizes = ops.shape(inputs)[missing:]
    return tuple(
        size if entry is None else entry for entry, size in zip(noise_shape, sizes, strict=True)
    )
