"""The rules over lists of tensors: fused operations on a CPU, else a few multi-tensor ones."""

from collections.abc import Callable
from typing import Any

import torch

Tensors = list[torch.Tensor]

# `_fused_adam_` corrects the bias by 1 - beta^steps, with cancellation; at infinity that is 1. The
# step size and the epsilon that it is given are corrected already.
INFINITE_STEPS = torch.tensor(torch.inf)


def can_update(variables: Tensors) -> bool:
    """Say whether these updates apply: those for CPUs walk through memory as it lies."""
    return all(variable.is_contiguous() for variable in variables)


def on_host(variable: torch.Tensor) -> bool:
    """Say whether the host can read a step's scalars without waiting for another device."""
    return variable.device.type == "cpu"


# Every step reads, and one under a changing learning rate writes: Keras's ways, `convert_to_numpy`
# and `assign`, would take a large share of a step on small variables.


def numbers_in(vector: torch.Tensor) -> list[float]:
    """Return the numbers of a vector of the optimizer's state."""
    return vector.tolist()


def write(vector: torch.Tensor, numbers: list[float]) -> None:
    """Replace the numbers of a vector of the optimizer's state."""
    vector.copy_(torch.tensor(numbers, dtype=vector.dtype))


@torch.compiler.disable
def uncompiled(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function as it is, also from a compiled step: these operations cannot be traced."""
    function(*arguments)


def like(tensors: Tensors, models: Tensors) -> Tensors:
    """Return the tensors contiguous, in the shapes and types of their models, if they fit as such.

    The fused operations do not look at the shape, and would read behind a smaller tensor's end.
    """
    return [
        tensor
        if tensor.dtype == model.dtype and tensor.is_contiguous() and tensor.shape == model.shape
        else tensor.to(model.dtype).expand_as(model).contiguous()
        for tensor, model in zip(tensors, models, strict=True)
    ]


@torch.no_grad()
def shrink(variables: Tensors, shrinkage: Any) -> None:
    """Take a share of every variable away."""
    torch._foreach_mul_(variables, 1 - shrinkage)


@torch.no_grad()
def adam(variables: Tensors, gradients: Tensors, slots: list[Tensors], scalars: Any) -> None:
    """Apply `Adam`'s rule."""
    gradients = like(gradients, variables)
    momentums, velocities, *maxima = slots
    if not on_host(variables[0]):
        _adam_foreach(variables, gradients, momentums, velocities, maxima, scalars)
        return
    torch._fused_adam_(
        variables,
        gradients,
        momentums,
        velocities,
        maxima[0] if maxima else [],
        [INFINITE_STEPS] * len(variables),
        lr=scalars.step_size,
        beta1=scalars.beta_1,
        beta2=scalars.beta_2,
        weight_decay=0.0,
        eps=scalars.epsilon,
        amsgrad=bool(maxima),
        maximize=False,
    )


amsgrad = adam


def _blend(momentums: Tensors, velocities: Tensors, gradients: Tensors, scalars: Any) -> None:
    """Move both moments towards the gradients and their squares."""
    torch._foreach_lerp_(momentums, gradients, 1 - scalars.beta_1)
    torch._foreach_mul_(velocities, scalars.beta_2)
    torch._foreach_addcmul_(velocities, gradients, gradients, 1 - scalars.beta_2)


def _adam_foreach(
    variables: Tensors,
    gradients: Tensors,
    momentums: Tensors,
    velocities: Tensors,
    maxima: list[Tensors],
    scalars: Any,
) -> None:
    _blend(momentums, velocities, gradients, scalars)
    if maxima:
        torch._foreach_maximum_(maxima[0], velocities)
        velocities = maxima[0]
    denominators: Any = torch._foreach_sqrt(velocities)
    torch._foreach_add_(denominators, scalars.epsilon)
    steps: Any = torch._foreach_div(momentums, denominators)
    torch._foreach_mul_(steps, scalars.step_size)
    torch._foreach_sub_(variables, steps)


@torch.no_grad()
def descend(variables: Tensors, gradients: Tensors, slots: list[Tensors], scalars: Any) -> None:
    """Apply `NAG`'s rule without momentum."""
    gradients = like(gradients, variables)
    if on_host(variables[0]):
        torch._foreach_add_(variables, gradients, alpha=-scalars.learning_rate)
    else:
        torch._foreach_sub_(variables, torch._foreach_mul(gradients, scalars.learning_rate))


@torch.no_grad()
def nag(variables: Tensors, gradients: Tensors, slots: list[Tensors], scalars: Any) -> None:
    """Apply `NAG`'s rule."""
    gradients = like(gradients, variables)
    (velocities,) = slots
    if on_host(variables[0]) and scalars.one_momentum:
        # It takes one momentum for both lines: the velocity's unit is such that they agree on one
        # (`VelocityUnits._unit_after`).
        torch._fused_sgd_(
            variables,
            gradients,
            velocities,
            weight_decay=0.0,
            momentum=scalars.kept,
            lr=scalars.learning_rate if scalars.nesterov else scalars.unit,
            dampening=1 - scalars.gain,
            nesterov=scalars.nesterov,
            maximize=False,
            is_first_step=False,
        )
        return
    torch._foreach_mul_(velocities, scalars.kept)
    torch._foreach_add_(velocities, torch._foreach_mul(gradients, scalars.gain))
    if scalars.nesterov:
        torch._foreach_sub_(variables, torch._foreach_mul(gradients, scalars.learning_rate))
    torch._foreach_sub_(variables, torch._foreach_mul(velocities, scalars.carried))


@torch.no_grad()
def nadam(variables: Tensors, gradients: Tensors, slots: list[Tensors], scalars: Any) -> None:
    """Apply `Nadam`'s rule."""
    gradients = like(gradients, variables)
    momentums, velocities = slots
    _blend(momentums, velocities, gradients, scalars)
    denominators: Any = torch._foreach_sqrt(velocities)
    torch._foreach_add_(denominators, scalars.epsilon)
    steps: Any = torch._foreach_mul(momentums, scalars.momentum_ratio)
    torch._foreach_add_(steps, gradients)
    torch._foreach_div_(steps, denominators)
    torch._foreach_mul_(steps, scalars.size)
    torch._foreach_sub_(variables, steps)
