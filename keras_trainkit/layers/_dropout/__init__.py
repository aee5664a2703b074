"""The dropout of one call, by the fastest kernel that the backend and the device allow."""

from typing import Any

import keras
from keras import ops

from keras_trainkit._backend import backend_module


def drop(
    inputs: Any, rate: Any, seed_generator: keras.random.SeedGenerator, noise_shape: Any = None
) -> Any:
    """Zero a random part of the `inputs` and divide the rest by `1 - rate`.

    The mask is a pure function of the generator's state, which moves by one.
    """
    kernel = backend_module(__name__)
    if noise_shape is None and kernel.serves(inputs):
        return kernel.drop(inputs, rate, seed_generator.next())
    shape = ops.shape(inputs) if noise_shape is None else noise_shape
    dtype = keras.backend.standardize_dtype(ops.convert_to_tensor(rate).dtype)
    noise = keras.random.uniform(shape, dtype=dtype, seed=seed_generator)
    return ops.cast(drop_by_noise(inputs, noise, rate), inputs.dtype)


def drop_by_noise(inputs: Any, noise: Any, rate: Any) -> Any:
    """Zero the `inputs` where `noise < rate` and divide the others by `1 - rate`."""
    keep = ops.broadcast_to(noise >= rate, ops.shape(inputs))
    return ops.where(keep, ops.cast(inputs, noise.dtype) / (1 - rate), 0)
