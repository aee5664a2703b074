"""The rules over lists of tensors: fused kernels on a CPU, else a few multi-tensor ones."""

from collections.abc import Callable
from typing import Any

import torch

Tensors = list[torch.Tensor]

# With it for the number of steps the kernels' own bias correction is 1.
INFINITE_STEPS = torch.tensor(torch.inf)


def serves(variables: Tensors) -> bool:
    """Say whether the kernels apply: those for CPUs walk through memory as it lies."""
    return all(variable.is_contiguous() for variable in variables)


def on_host(variable: torch.Tensor) -> bool:
    """Say whether the host can read a step's scalars without waiting for another device."""
    return variable.device.type == "cpu"


@torch.compiler.disable
def uncompiled(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function as it is, also from a compiled step: these kernels cannot be traced."""
    function(*arguments)


def like(tensors: Tensors, models: Tensors) -> Tensors:
    """Return the tensors contiguous and in the types of their models; a fitting one is itself."""
    return [
        tensor.to(model.dtype).contiguous()
        if tensor.dtype != model.dtype or not tensor.is_contiguous()
        else tensor
        for tensor, model in zip(tensors, models, strict=True)
    ]


@torch.no_grad()
def shrink(variables: Tensors, shrinkage: Any) -> None:
    """Take a share of every variable away."""
    torch._foreach_mul_(variables, 1 - shrinkage)


@torch.no_grad()
def adam(variables: Tensors, gradients: Tensors, slots: list[Tensors], numbers: Any) -> None:
    """Apply `Adam`'s rule."""
    gradients = like(gradients, variables)
    momentums, velocities, *maxima = slots
    if not on_host(variables[0]):
        _adam_foreach(variables, gradients, momentums, velocities, maxima, numbers)
        return
    torch._fused_adam_(
        variables,
        gradients,
        momentums,
        velocities,
        maxima[0] if maxima else [],
        [INFINITE_STEPS] * len(variables),
        lr=numbers.step_size,
        beta1=numbers.beta_1,
        beta2=numbers.beta_2,
        weight_decay=0.0,
        eps=numbers.epsilon,
        amsgrad=bool(maxima),
        maximize=False,
    )


amsgrad = adam


def _blend(momentums: Tensors, velocities: Tensors, gradients: Tensors, numbers: Any) -> None:
    """Move both moments towards the gradients and their squares."""
    torch._foreach_lerp_(momentums, gradients, 1 - numbers.beta_1)
    torch._foreach_mul_(velocities, numbers.beta_2)
    torch._foreach_addcmul_(velocities, gradients, gradients, 1 - numbers.beta_2)


def _adam_foreach(
    variables: Tensors,
    gradients: Tensors,
    momentums: Tensors,
    velocities: Tensors,
    maxima: list[Tensors],
    numbers: Any,
) -> None:
    _blend(momentums, velocities, gradients, numbers)
    if maxima:
        torch._foreach_maximum_(maxima[0], velocities)
        velocities = maxima[0]
    denominators: Any = torch._foreach_sqrt(velocities)
    torch._foreach_add_(denominators, numbers.epsilon)
    steps: Any = torch._foreach_div(momentums, denominators)
    torch._foreach_mul_(steps, numbers.step_size)
    torch._foreach_sub_(variables, steps)


@torch.no_grad()
def nag(variables: Tensors, gradients: Tensors, slots: list[Tensors], numbers: Any) -> None:
    """Apply `NAG`'s rule."""
    gradients = like(gradients, variables)
    (velocities,) = slots
    if on_host(variables[0]) and numbers.one_momentum:
        torch._fused_sgd_(
            variables,
            gradients,
            velocities,
            weight_decay=0.0,
            momentum=numbers.kept,
            lr=numbers.learning_rate if numbers.nesterov else numbers.unit,
            dampening=1 - numbers.gain,
            nesterov=numbers.nesterov,
            maximize=False,
            is_first_step=False,
        )
        return
    torch._foreach_mul_(velocities, numbers.kept)
    torch._foreach_add_(velocities, torch._foreach_mul(gradients, numbers.gain))
    if numbers.nesterov:
        torch._foreach_sub_(variables, torch._foreach_mul(gradients, numbers.learning_rate))
    torch._foreach_sub_(variables, torch._foreach_mul(velocities, numbers.carried))


@torch.no_grad()
def nadam(variables: Tensors, gradients: Tensors, slots: list[Tensors], numbers: Any) -> None:
    """Apply `Nadam`'s rule."""
    gradients = like(gradients, variables)
    momentums, velocities = slots
    _blend(momentums, velocities, gradients, numbers)
    denominators: Any = torch._foreach_sqrt(velocities)
    torch._foreach_add_(denominators, numbers.epsilon)
    steps: Any = torch._foreach_mul(momentums, numbers.momentum_ratio)
    torch._foreach_add_(steps, gradients)
    torch._foreach_div_(steps, denominators)
    torch._foreach_mul_(steps, numbers.size)
    torch._foreach_sub_(variables, steps)
