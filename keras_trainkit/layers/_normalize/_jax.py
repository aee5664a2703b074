"""Batch normalization on JAX: shifted moments, and the derivative in closed form."""

from functools import partial
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp

from keras_trainkit.layers._normalize import affine, along

Arrays = tuple[jax.Array, ...]
Axes = tuple[int, ...]


def trains(x: jax.Array) -> bool:
    """Say whether this is the fastest way: XLA compiles it for every device."""
    return x.size > 0


def infers(x: jax.Array) -> bool:
    """Say no: XLA makes one loop of the plain formula."""
    return False


def train(x: jax.Array, axis: int, gamma: Any, beta: Any, epsilon: float) -> Arrays:
    """Return y, the mean and the biased variance."""
    return _normalized_by_batch(x, gamma, beta, axis, epsilon)


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def _normalized_by_batch(x: jax.Array, gamma: Any, beta: Any, axis: int, epsilon: float) -> Arrays:
    rest, error, mean, variance = _moments(x, axis)
    scale = _product(lax.rsqrt(variance + epsilon), gamma)
    return _line(rest, axis, scale, error, beta), mean, variance


@_normalized_by_batch.defjvp
def _tangents(axis: int, epsilon: float, arguments: Any, tangents: Any) -> Any:
    """Return the outputs and their tangents.

        dy = u + c slope + shift,   u = dx gamma / stddev,   c = x - mean,
        slope = (dgamma - E[c u] / stddev) / stddev,   shift = dbeta - E[u]

    In this order the transpose, which is the backward pass, takes two sums over the gradient of y,
    and all three gradients share them.
    """
    x, gamma, beta = arguments
    dx, dgamma, dbeta = tangents
    axes = _others(x, axis)
    rest, error, mean, variance = _moments(x, axis)
    inverse = lax.rsqrt(variance + epsilon)
    scale = _product(inverse, gamma)
    u = affine(dx, axis, scale, None)
    mean_u = jnp.mean(u, axes)
    slope = -inverse * (jnp.mean(rest * u, axes) - error * mean_u)
    slope = inverse * (slope if dgamma is None else dgamma + slope)
    shift = -mean_u if dbeta is None else dbeta - mean_u
    dy = u + _line(rest, axis, slope, error, shift)
    moved = jnp.mean(dx, axes), 2 * (jnp.mean(rest * dx, axes) - error * jnp.mean(dx, axes))
    return (_line(rest, axis, scale, error, beta), mean, variance), (dy, *moved)


def _moments(x: jax.Array, axis: int) -> Arrays:
    """Return x less its rounded mean, the rounding error, the mean and the variance."""
    axes = _others(x, axis)
    rounded = jnp.mean(x, axes)
    rest = x - along(axis, rounded, x)
    error = jnp.mean(rest, axes)
    variance = jnp.mean(jnp.square(rest), axes) - jnp.square(error)
    return rest, error, rounded + error, variance


def _line(rest: jax.Array, axis: int, slope: Any, error: Any, shift: Any) -> jax.Array:
    """Return `(rest - error) * slope + shift`."""
    return affine(rest, axis, slope, (0 if shift is None else shift) - error * slope)


def _product(inverse: jax.Array, gamma: Any) -> jax.Array:
    return inverse if gamma is None else inverse * gamma


def _others(x: jax.Array, axis: int) -> Axes:
    return tuple(i for i in range(x.ndim) if i != axis)
