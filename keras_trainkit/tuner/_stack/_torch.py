"""Programs of a stack on PyTorch, which runs them as they stand."""

from collections.abc import Callable
from typing import Any

import torch


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, which records nothing but where a gradient is asked for."""
    return torch.no_grad()(function)


def gradient_of(function: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[Any, Any]:
    """Return the gradient of the first of two results, and the second."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value, others = function(x)
        (gradient,) = torch.autograd.grad(value, x)
    return gradient, tuple(each.detach() for each in others)
