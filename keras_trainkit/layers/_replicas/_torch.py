"""Sums over the processes of `torch.distributed`."""

from typing import Any

import torch


def replica_sum(x: Any) -> Any:
    """Add `x` over all processes of the default group; without one, return it."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return x
    return _Sum.apply(x)


class _Sum(torch.autograd.Function):
    """The sum over the processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, upstream: torch.Tensor) -> torch.Tensor:
        return _Sum.apply(upstream)
