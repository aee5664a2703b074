"""Dropout on JAX: the mask is computed in the forward and again in the backward pass."""

import jax
from jax import lax
from jax import numpy as jnp

from keras_trainkit.layers._dropout import kept_share
from keras_trainkit.layers._dropout._hash import drops, random_bits


# `checkpoint` stores the arguments instead of the mask, and leaves every kind of derivative whole.
@jax.checkpoint
def drop(inputs: jax.Array, rate: jax.Array, state: jax.Array) -> jax.Array:
    """Zero the inputs where their random bits fall below `rate`, and scale the others."""
    dropped = drops(random_bits(_positions(inputs.shape), state), rate)
    scaled = inputs.astype(rate.dtype) / kept_share(rate)
    return jnp.where(dropped, 0, scaled).astype(inputs.dtype)


def _positions(shape: tuple[int, ...]) -> jax.Array:
    # Axis by axis, so that a sharded array computes only its own part.
    position = jnp.zeros(shape, jnp.uint32)
    for axis, size in enumerate(shape):
        position = position * jnp.uint32(size) + lax.broadcasted_iota(jnp.uint32, shape, axis)
    return position
