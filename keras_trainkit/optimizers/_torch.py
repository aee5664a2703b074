"""The update rules over lists of tensors, a few multi-tensor kernels for all variables at once."""

from typing import Any

import torch

Tensors = list[torch.Tensor]


def like(tensors: Tensors, models: Tensors) -> Tensors:
    """Return the tensors in the types of their models; one of the right type is itself."""
    return [tensor.to(model.dtype) for tensor, model in zip(tensors, models, strict=True)]


@torch.no_grad()
def nag(
    variables: Tensors,
    gradients: Tensors,
    velocities: Tensors,
    learning_rate: torch.Tensor,
    displacement: torch.Tensor,
    momentum: float,
) -> None:
    """Move look-ahead points and velocities, in place, by one step of `NAG`."""
    gradients = like(gradients, variables)
    torch._foreach_add_(variables, torch._foreach_mul(velocities, displacement))
    torch._foreach_mul_(velocities, momentum)
    torch._foreach_add_(velocities, torch._foreach_mul(gradients, learning_rate))
    torch._foreach_sub_(variables, velocities, alpha=1 + momentum)


@torch.no_grad()
def adam(
    variables: Tensors,
    gradients: Tensors,
    momentums: Tensors,
    velocities: Tensors,
    velocity_maxima: Tensors | None,
    step_size: torch.Tensor,
    root_scale: torch.Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Move variables and moments, in place, by one step of `Adam`."""
    gradients = like(gradients, variables)
    torch._foreach_lerp_(momentums, gradients, 1 - beta_1)
    torch._foreach_mul_(velocities, beta_2)
    torch._foreach_addcmul_(velocities, gradients, gradients, 1 - beta_2)
    if velocity_maxima is not None:
        torch._foreach_maximum_(velocity_maxima, velocities)
        velocities = velocity_maxima
    denominators: Any = torch._foreach_sqrt(velocities)
    torch._foreach_mul_(denominators, root_scale)
    torch._foreach_add_(denominators, epsilon)
    steps: Any = torch._foreach_div(momentums, denominators)
    torch._foreach_mul_(steps, step_size)
    torch._foreach_sub_(variables, steps)
