"""Dropout on PyTorch: random integers, compared and applied by integer instructions.

A boolean mask is one byte per number, but comparing to it and multiplying by it run number by
number on CPUs. Integers of one width run in vector form throughout, and "and" with all bits or
none also drops what is not finite.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_trainkit._backend import leaves_here
from keras_trainkit._tensors import Tensor
from keras_trainkit.layers._dropout import kept_share

INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


# `torch.compile` would take the rate for a constant, and compile anew for each.
@torch.compiler.disable
def drop(inputs: torch.Tensor, rate: Tensor | float, state: torch.Tensor) -> torch.Tensor:
    """Zero the inputs where their random bits fall below `rate`, and scale the others."""
    rate = float(rate)
    return _Masked.apply(inputs, _mask(inputs.shape, rate, state), kept_share(rate))


def drop_in_trace(
    inputs: torch.Tensor, rate: Tensor | float, noise_shape: Sequence[int] | None
) -> torch.Tensor:
    """Do the same by operations that exports and transforms know, with the global generator."""
    if isinstance(rate, float):  # a schedule's value is a tensor
        if rate == 0:  # `vmap` refuses random numbers, unless it is told how they are meant
            return inputs
        if rate < 1 and noise_shape is None:  # at 1, infinite inputs would become NaN
            return torch.nn.functional.dropout(inputs, rate, training=True)
    noise = torch.rand(inputs.shape if noise_shape is None else noise_shape, device=inputs.device)
    kept = inputs.to(torch.promote_types(inputs.dtype, torch.float32)) / kept_share(rate)
    return torch.where(noise < rate, 0, kept).to(inputs.dtype)


def _mask(shape: torch.Size, rate: float, state: torch.Tensor) -> torch.Tensor:
    """Return int8 numbers, -1 (all bits) where to keep and 0 where to drop."""
    if rate == 1:  # which the threshold has no number for
        return torch.zeros(shape, dtype=torch.int8)
    # Above one half, 16 bits would be a coarse grid for what remains.
    width = 16 if rate <= 0.5 else 32
    generator = torch.Generator().manual_seed(_seed(state))
    words = torch.empty(-(-shape.numel() * width // 64), dtype=torch.int64)
    bits = words.random_(-(2**63), None, generator=generator).view(INTEGERS[width // 8])
    bits = bits[: shape.numel()].view(shape)
    threshold = round((rate - 0.5) * 2**width)
    return torch.ge(bits, threshold, out=bits).to(torch.int8).neg_()


def _seed(state: torch.Tensor) -> int:
    # PyTorch's generator takes 32 bits of its seed; neighbours must not share a stream.
    entropy = [number & 0xFFFFFFFF for number in state.tolist()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


class _Masked(torch.autograd.Function):
    """x where the mask has all bits, divided by `share`; its own derivative."""

    @staticmethod
    def forward(context: Any, x: torch.Tensor, mask: torch.Tensor, share: float) -> torch.Tensor:
        context.save_for_backward(mask)
        context.share = share
        integer = INTEGERS[x.element_size()]
        return mask.to(integer).bitwise_and_(x.view(integer)).view(x.dtype).div_(share)

    @staticmethod
    def backward(context: Any, upstream: torch.Tensor) -> Any:
        (mask,) = context.saved_tensors
        if leaves_here(upstream):
            return torch.where(mask.bool(), upstream / context.share, 0), None, None
        return _Masked.apply(upstream, mask, context.share), None, None
