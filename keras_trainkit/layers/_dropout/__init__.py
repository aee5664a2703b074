"""The dropout of one call, by the fastest kernel that the backend and the device allow."""

from collections.abc import Sequence

import keras
from keras import ops

from keras_trainkit._backend import backend_module, leaves_here, load_for_tracing, runs_on_this_cpu
from keras_trainkit._tensors import Tensor


def drop(
    inputs: Tensor,
    rate: Tensor | float,
    seed_generator: keras.random.SeedGenerator,
    noise_shape: Sequence[int] | None = None,
) -> Tensor:
    """Zero a random part of the `inputs` and divide the rest by `1 - rate`.

    The mask is a pure function of the generator's state, which moves by one. Where the inputs leave
    PyTorch's own world of tensors with values, that state can be neither read nor moved: there
    PyTorch draws from its global generator, or the exported program from its own.
    """
    kernel = backend_module(__name__)
    if leaves_here(inputs):
        return kernel.drop_in_trace(inputs, rate, noise_shape)
    if noise_shape is None and runs_on_this_cpu(inputs):
        return kernel.drop(inputs, rate, seed_generator.next())
    shape = ops.shape(inputs) if noise_shape is None else noise_shape
    dtype = keras.backend.standardize_dtype(ops.convert_to_tensor(rate).dtype)
    noise = keras.random.uniform(shape, dtype=dtype, seed=seed_generator)
    return drop_by_noise(inputs, noise, rate)


def drop_by_noise(inputs: Tensor, noise: Tensor, rate: Tensor | float) -> Tensor:
    """Zero the `inputs` where `noise < rate` and divide the others by `1 - rate`."""
    keep = ops.broadcast_to(noise >= rate, ops.shape(inputs))
    kept = ops.cast(inputs, noise.dtype) / kept_share(rate)
    return ops.cast(ops.where(keep, kept, 0), inputs.dtype)


def kept_share(rate: Tensor | float) -> Tensor | float:
    """Return `1 - rate`; of a rate of 1, which keeps nothing to divide, 1."""
    if isinstance(rate, float):
        return 1 - rate or 1.0
    return ops.where(rate < 1, 1 - rate, 1)


load_for_tracing(__name__)
