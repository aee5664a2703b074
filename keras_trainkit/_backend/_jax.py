"""JAX's primitives: functions compiled by XLA."""

from collections.abc import Callable
from typing import Any

import jax


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, compiled when it is first called with arguments of a shape."""
    return jax.jit(function)
