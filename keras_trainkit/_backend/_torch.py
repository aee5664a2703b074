"""PyTorch's primitives: passes without gradients, sums over processes, the global generator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import _C
from torch.autograd import forward_ad

# The tracers behind `torch.export` and `make_fx`.
FAKE, PROXY = _C._TorchDispatchModeKey.FAKE, _C._TorchDispatchModeKey.PROXY
# Older than PyTorch 2.7 it does not tell an export from `torch.compile`.
_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, run eagerly and without a record for gradients."""
    return torch.no_grad()(function)


def on_cpu(x: torch.Tensor) -> bool:
    """Say whether `x` lies in the memory of the CPU."""
    return x.device.type == "cpu"


def leaves_here(x: torch.Tensor) -> bool:
    """Say whether `x` belongs to an export, to `torch.func`, or to a mapped or forward derivative.

    `torch.compile` is none of these: its program runs here.
    """
    if torch.compiler.is_compiling():
        return _is_exporting()
    return (
        torch.jit.is_tracing()
        or _C._get_dispatch_mode(FAKE) is not None
        or _C._get_dispatch_mode(PROXY) is not None
        or _C._functorch.peek_interpreter_stack() is not None
        # The gradients in `jacobian(vectorize=True)` and `grad(is_grads_batched=True)`.
        or _C._functorch.is_legacy_batchedtensor(x)
        or forward_ad._current_level >= 0
    )


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


unrecorded = torch.no_grad


@contextmanager
def generators_kept() -> Iterator[None]:
    """Set the generators of CPU and GPU back afterwards.

    Dropout draws from the global generator, which also shuffles the data.
    """
    # The GPU in use: by default the states of all are copied.
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        yield


def generator_state() -> np.ndarray:
    """Return the state of the generator on the CPU, from which data loaders draw their order."""
    return torch.get_rng_state().numpy()


def set_generator_state(state: np.ndarray) -> None:
    """Continue the stream from there."""
    torch.set_rng_state(torch.from_numpy(state))
