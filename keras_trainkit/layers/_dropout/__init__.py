"""The dropout of one call, by the fastest kernel that the backend and the device allow."""

from collections.abc import Sequence

import keras
from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit._tensors import Tensor


def drop(
    inputs: Tensor,
    rate: Tensor | float,
    seed_generator: keras.random.SeedGenerator,
    noise_shape: Sequence[int] | None = None,
) -> Tensor:
    """Zero a random part of the `inputs` and divide the rest by `1 - rate`.

    The mask is a pure function of the generator's state, which moves by one.
    """
    kernel = backend_module(__name__)
    if noise_shape is None and kernel.can_drop(inputs):
        return kernel.drop(inputs, rate, seed_generator.next())
    shape = ops.shape(inputs) if noise_shape is None else noise_shape
    dtype = keras.backend.standardize_dtype(ops.convert_to_tensor(rate).dtype)
    noise = keras.random.uniform(shape, dtype=dtype, seed=seed_generator)
    return ops.cast(drop_by_noise(inputs, noise, rate), inputs.dtype)


def drop_by_noise(inputs: Tensor, noise: Tensor, rate: Tensor | float) -> Tensor:
    """Zero the `inputs` where `noise < rate` and divide the others by `1 - rate`."""
    keep = ops.broadcast_to(noise >= rate, ops.shape(inputs))
    return ops.where(keep, ops.cast(inputs, noise.dtype) / (1 - rate), 0)
