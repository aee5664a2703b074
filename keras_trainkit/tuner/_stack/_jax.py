"""Programs of a stack on JAX."""

from collections.abc import Callable
from typing import Any

import jax


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, compiled once for each number of lanes."""
    return jax.jit(function)


def gradient_of(function: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[Any, Any]:
    """Return the gradient of the first of two results, and the second."""
    return jax.grad(function, has_aux=True)(x)
