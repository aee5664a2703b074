"""Batch normalization on JAX: shifted moments, and the derivative in closed form."""

from functools import partial
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from keras_trainkit.layers._batch_normalization import affine, along
from keras_trainkit.layers._batch_normalization.moments import others

Arrays = tuple[jax.Array, ...]


def can_normalize_by_batch(x: jax.Array) -> bool:
    """Say whether this is the fastest way: XLA compiles it for every device."""
    return x.size > 0


def can_normalize(x: jax.Array, axis: int) -> bool:
    """Say yes."""
    return True


def normalize(
    x: jax.Array,
    axis: int,
    mean: jax.Array,
    variance: jax.Array,
    gamma: jax.Array | None,
    beta: jax.Array | None,
    epsilon: float,
) -> jax.Array:
    """Return y by the given mean and variance."""
    # Not Keras's `x * scale + (beta - mean * scale)`, which cancels where the mean is far from
    # zero: XLA makes one loop of both.
    rest = x - along(axis, mean, x)
    return affine(rest, axis, _product(lax.rsqrt(variance + epsilon), gamma), beta)


def normalize_by_batch(
    x: jax.Array, axis: int, gamma: jax.Array | None, beta: jax.Array | None, epsilon: float
) -> Arrays:
    """Return y, the mean and the biased variance."""
    return _normalized_by_batch(x, gamma, beta, axis, epsilon)


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _normalized_by_batch(
    x: jax.Array, gamma: jax.Array | None, beta: jax.Array | None, axis: int, epsilon: float
) -> Arrays:
    rounded, error, variance = _moments(x, axis)
    scale = _product(lax.rsqrt(variance + epsilon), gamma)
    y = _line(x - along(axis, rounded, x), axis, scale, error, beta)
    return y, rounded + error, variance


@_normalized_by_batch.defjvp
def _tangents(axis: int, epsilon: float, arguments: Any, tangents: Any) -> tuple[Arrays, Arrays]:
    """Return the outputs and their tangents."""
    x, gamma, beta = arguments
    rounded, error, variance = _moments(x, axis)
    inverse = lax.rsqrt(variance + epsilon)
    rest = x - along(axis, rounded, x)
    y = _line(rest, axis, _product(inverse, gamma), error, beta)
    outputs = y, rounded + error, variance
    return outputs, _linear(tangents, x, rounded, error, inverse, gamma, axis)


# `checkpoint` stores x, which is there anyway, instead of x less its mean.
@partial(jax.checkpoint, static_argnums=6, prevent_cse=False)
def _linear(
    tangents: Any,
    x: jax.Array,
    rounded: jax.Array,
    error: jax.Array,
    inverse: jax.Array,
    gamma: jax.Array | None,
    axis: int,
) -> Arrays:
    """Return the tangents of y, the mean and the variance.

        dy = u + c slope + shift,   u = dx gamma / stddev,   c = x - mean,
        slope = (dgamma - E[c u] / stddev) / stddev,   shift = dbeta - E[u]

    In this order the transpose, which is the backward pass, takes two sums over the gradient of y,
    and all three gradients share them.
    """
    dx, dgamma, dbeta = tangents
    axes = others(x, axis)
    rest = x - along(axis, rounded, x)
    u = affine(dx, axis, _product(inverse, gamma), None)
    mean_u = jnp.mean(u, axes)
    slope = -inverse * (jnp.mean(rest * u, axes) - error * mean_u)
    slope = inverse * (slope if dgamma is None else dgamma + slope)
    shift = -mean_u if dbeta is None else dbeta - mean_u
    dmean = jnp.mean(dx, axes)
    dvariance = 2 * (jnp.mean(rest * dx, axes) - error * dmean)
    return u + _line(rest, axis, slope, error, shift), dmean, dvariance


def _moments(x: jax.Array, axis: int) -> Arrays:
    """Return the rounded mean, its rounding error, and the variance."""
    axes = others(x, axis)
    rounded = jnp.mean(x, axes)
    rest = x - along(axis, rounded, x)
    error = jnp.mean(rest, axes)
    # `error` is small beside the standard deviation: nothing cancels.
    variance = jnp.mean(jnp.square(rest), axes) - jnp.square(error)
    return rounded, error, variance


def _line(
    rest: jax.Array, axis: int, slope: jax.Array, error: jax.Array, shift: jax.Array | None
) -> jax.Array:
    """Return `(rest - error) * slope + shift`."""
    return affine(rest, axis, slope, (0 if shift is None else shift) - error * slope)


def _product(inverse: jax.Array, gamma: jax.Array | None) -> jax.Array:
    return inverse if gamma is None else inverse * gamma
