"""Updates that are left out because a gradient is NaN or infinite."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_trainkit.optimizers._gradients import all_finite, dense


def apply_if_finite(
    optimizer: Any, apply: Callable, gradients: list[Any], variables: Sequence[Any] | None
) -> None:
    """Call `apply` on finite gradients; on others change nothing and count them."""
    present = dense([gradient for gradient in gradients if gradient is not None])
    if keras.backend.backend() == "jax":
        _apply_and_take_back(optimizer, apply, gradients, variables, all_finite(present))
        return
    if keras.backend.backend() == "tensorflow":
        from keras_trainkit.optimizers import _tensorflow

        if _tensorflow.several_replicas(optimizer):
            _tensorflow.apply_if_finite_everywhere(
                optimizer, apply, gradients, variables, all_finite(present)
            )
            return
    ops.cond(
        all_finite(present),
        lambda: apply(gradients, variables),
        lambda: optimizer.count_skipped(),
    )


def _apply_and_take_back(
    optimizer: Any,
    apply: Callable,
    gradients: list[Any],
    variables: Sequence[Any] | None,
    finite: Any,
) -> None:
    """Select between the state before and after, which XLA does inside the update's own loops."""
    state = [*optimizer._trainable_variables, *optimizer.variables]
    before = [variable.value for variable in state]
    apply(gradients, variables)
    for variable, value in zip(state, before, strict=True):
        variable.assign(ops.where(finite, variable.value, value))
    optimizer.count_skipped(ops.logical_not(finite))
