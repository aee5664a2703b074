"""PyTorch's primitives: passes without gradients, sums over processes, the global generator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, run eagerly and without a record for gradients."""
    return torch.no_grad()(function)


def replica_sum(x: torch.Tensor) -> torch.Tensor:
    """Add `x` over all processes of the default group; without one, return it."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return x
    return _Sum.apply(x)


class _Sum(torch.autograd.Function):
    """The sum over the processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        # `all_reduce` works in place, and on contiguous memory.
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, upstream: torch.Tensor) -> torch.Tensor:
        return _Sum.apply(upstream)


@contextmanager
def isolated_pass() -> Iterator[None]:
    """Switch gradients off; afterwards set the generators of CPU and GPU back.

    Dropout draws from the global generator, which also shuffles the data.
    """
    # The GPU in use: by default the states of all are copied.
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.no_grad(), torch.random.fork_rng(devices):
        yield


def generator_state() -> np.ndarray:
    """Return the state of the generator on the CPU, from which data loaders draw their order."""
    return torch.get_rng_state().numpy()


def set_generator_state(state: np.ndarray) -> None:
    """Continue the stream from there."""
    torch.set_rng_state(torch.from_numpy(state))
