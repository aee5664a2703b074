"""What happens to gradients before a rule sees them: are they finite, and Keras's three clips.

Complex numbers are refused: a rule that divides by a root of squares is not defined for them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit._tensors import Tensor, at_least_float32, larger
from keras_trainkit._variable_paths import path_of
from keras_trainkit.optimizers._hyperparameters import Scalar


def dense(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return each gradient as one tensor."""
    if keras.backend.backend() == "tensorflow":
        return backend_module(__package__).dense(gradients)
    return gradients


def refuse_complex(variables: Sequence[Any]) -> None:
    """Raise if a variable is complex."""
    for variable in variables:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if dtype.startswith("complex"):
            raise complex_numbers("variables", f"{path_of(variable)!r} of type {dtype}")


def complex_numbers(name: str, received: str) -> ValueError:
    """Return the error that says what is complex."""
    return ValueError(
        f"`{name}` must hold real numbers: make the real and the imaginary part two variables. "
        f"Received: {received}"
    )


def apply_if_finite(
    optimizer: Any, apply: Callable, gradients: list[Tensor], variables: Sequence[Any] | None
) -> None:
    """Call `apply` on finite gradients; on others change nothing and count them."""
    present = dense([gradient for gradient in gradients if gradient is not None])
    if not present:
        apply(gradients, variables)  # Keras knows what to say.
        return
    if keras.backend.backend() == "jax":
        _apply_and_take_back(optimizer, apply, gradients, variables, all_finite(present))
        return
    if keras.backend.backend() == "tensorflow":
        tensorflow = backend_module(__package__)
        if tensorflow.several_replicas(optimizer):
            tensorflow.apply_if_finite_everywhere(
                optimizer, apply, gradients, variables, all_finite(present)
            )
            return
    ops.cond(
        all_finite(present),
        lambda: apply(gradients, variables),
        lambda: optimizer._count_skipped(),
    )


def _apply_and_take_back(
    optimizer: Any,
    apply: Callable,
    gradients: list[Tensor],
    variables: Sequence[Any] | None,
    finite: Tensor,
) -> None:
    """Select between the state before and after, which XLA does inside the update's own loops."""
    state = [*optimizer._trained, *optimizer.variables]
    before = [variable.value for variable in state]
    apply(gradients, variables)
    for variable, value in zip(state, before, strict=True):
        variable.assign(ops.where(finite, variable.value, value))
    optimizer._count_skipped(ops.logical_not(finite))


def all_finite(gradients: Sequence[Tensor]) -> Tensor:
    """Return a boolean scalar."""
    return ops.all(ops.stack([ops.all(ops.isfinite(gradient)) for gradient in gradients]))


def norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm over all gradients, computed without overflow."""
    wide = [ops.cast(g, at_least_float32(g.dtype)) for g in gradients if math.prod(g.shape)]
    largest = ops.max(ops.stack([ops.max(ops.abs(gradient)) for gradient in wide]))
    unit = ops.where(largest > 0, largest, ops.ones_like(largest))
    squares = ops.stack([ops.sum(ops.square(gradient / unit)) for gradient in wide])
    return unit * ops.sqrt(ops.sum(squares))


def by_global_norm(gradients: Sequence[Tensor], limit: Scalar) -> list[Tensor]:
    """Scale all gradients down if their L2 norm is above `limit`; NaN if it is not finite."""
    total = norm(gradients)
    limit = ops.cast(limit, total.dtype)
    scale = ops.where(ops.isfinite(total), limit / larger(limit, total), total - total)
    return [gradient * ops.cast(scale, gradient.dtype) for gradient in gradients]


def by_norm(gradients: Sequence[Tensor], limit: Scalar) -> list[Tensor]:
    """Scale down each gradient whose L2 norm is above `limit`."""
    return [clipped for gradient in gradients for clipped in by_global_norm([gradient], limit)]


def by_value(gradients: Sequence[Tensor], limit: Scalar) -> list[Tensor]:
    """Move every entry into [-limit, limit]."""
    clipped = []
    for gradient in gradients:
        high = ops.cast(limit, gradient.dtype)
        clipped.append(-larger(-high, -larger(-high, gradient)))
    return clipped
