"""JAX's primitives: functions compiled by XLA, over arrays of all devices."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def programs_forgotten() -> Iterator[None]:
    """Free all that is compiled; what was compiled before is compiled again when it is called."""
    try:
        yield
    finally:
        jax.clear_caches()
        # The compiler leaves holes, which glibc, where it is the C library, keeps from the system.
        trim = getattr(ctypes.pythonapi, "malloc_trim", None)
        if trim is not None:
            trim(0)
