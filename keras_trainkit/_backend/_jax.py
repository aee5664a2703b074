"""JAX's primitives: functions compiled by XLA, over arrays of all devices."""

from collections.abc import Callable
from typing import Any

import jax


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, compiled when it is first called with arguments of a shape."""
    return jax.jit(function)


def on_cpu(x: jax.Array) -> bool:
    """Say whether programs are for CPUs unless they say otherwise."""
    return jax.default_backend() == "cpu"


def replica_sum(x: jax.Array) -> jax.Array:
    """Return `x`: under `keras.distribution` arrays are those of the whole batch."""
    return x


def forget_programs() -> None:
    """Free what has been compiled."""
    jax.clear_caches()
