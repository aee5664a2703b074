"""Batch normalization on PyTorch by its native kernels, refined where they round too coarsely."""

from typing import Any

import torch

from keras_trainkit._backend import runs_on_this_cpu
from keras_trainkit.layers._batch_normalization import FAR

Tensors = tuple[torch.Tensor, ...]


def can_normalize_by_batch(x: torch.Tensor) -> bool:
    """Say whether PyTorch's kernels serve `x`."""
    return runs_on_this_cpu(x) and x.numel() > 0


def can_normalize(x: torch.Tensor, axis: int) -> bool:
    """Say whether PyTorch's kernels serve `x`, over any axis."""
    return can_normalize_by_batch(x)


def normalize_by_batch(
    x: torch.Tensor,
    axis: int,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    epsilon: float,
) -> Tensors:
    """Return y, the mean and the biased variance."""
    second = _channels_second(x, axis)
    mean, variance = x.new_zeros(x.shape[axis]), x.new_zeros(x.shape[axis])
    y, _, inverse = torch.native_batch_norm(second, gamma, beta, mean, variance, True, 1.0, epsilon)
    count = x.numel() // x.shape[axis]
    # With a momentum of 1 the kernel left the sum of squares over count - 1 in it.
    variance = variance * ((count - 1) / count) if count > 1 else torch.zeros_like(variance)
    if (mean.abs() * inverse).max() > FAR:
        y, mean, variance = _Refined.apply(second, gamma, beta, mean, variance, epsilon)
    return _channels_back(y, x), mean, variance


def normalize(
    x: torch.Tensor,
    axis: int,
    mean: torch.Tensor,
    variance: torch.Tensor,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    epsilon: float,
) -> torch.Tensor:
    """Return y by the given mean and variance."""
    second = _channels_second(x, axis)
    y = torch.nn.functional.batch_norm(second, mean, variance, gamma, beta, eps=epsilon)
    return _channels_back(y, x)


def _channels_second(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Return a view with the channels on axis 1, in a layout that the kernels run fast on."""
    before, channels, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if after.numel() > 1 or len(before) < 2:
        return x.reshape(before.numel(), channels, after.numel()).squeeze(2)
    # Four axes are what "channels last" means to PyTorch.
    return x.reshape(before[0], before[1:].numel(), 1, channels).movedim(3, 1)


def _channels_back(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (y.movedim(1, 3) if y.ndim == 4 else y).reshape(x.shape)


class _Refined(torch.autograd.Function):
    """y, mean and biased variance from estimates of the last two; only y has derivatives."""

    @staticmethod
    def forward(
        context: Any,
        x: torch.Tensor,
        gamma: torch.Tensor | None,
        beta: torch.Tensor | None,
        mean: torch.Tensor,
        variance: torch.Tensor,
        epsilon: float,
    ) -> Tensors:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = (-1, *[1] * (x.ndim - 2))
        centered = x - mean.view(shape)
        error = centered.mean(axes)
        variance = variance - error.square()
        inverse = (variance + epsilon).rsqrt()
        y = centered.sub_(error.view(shape)).mul_(inverse.view(shape))
        if gamma is not None:
            y.mul_(gamma.view(shape))
        if beta is not None:
            y.add_(beta.view(shape))
        rounded = mean + error
        # The part of the exact mean that `rounded` has no bits for.
        rest = error - (rounded - mean)
        context.save_for_backward(x, gamma, rounded, rest, inverse)
        context.epsilon = epsilon
        context.mark_non_differentiable(rounded, variance)
        return y, rounded, variance

    @staticmethod
    def backward(context: Any, upstream: torch.Tensor, *_: Any) -> Any:
        x, gamma, mean, rest, inverse = context.saved_tensors
        dx, dgamma, dbeta = torch.ops.aten.native_batch_norm_backward(
            upstream, x, gamma, None, None, mean, inverse, True, context.epsilon, [True] * 3
        )
        return dx, dgamma - rest * inverse * dbeta, dbeta, None, None, None
