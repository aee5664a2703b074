"""Normalization by the batch or by given statistics, by the fastest exact kernel there is.

Every kernel computes the same definition: y, the mean and the biased variance of each channel. The
frameworks' own kernels sum the raw inputs, and their mean is off by about 2^-20 of its size. Where
it is more than `FAR` standard deviations from zero, the kernels here take it off first and correct
it by the mean of what is left, so that nothing cancels.
"""

from keras import ops

from keras_trainkit._backend import backend_module, load_for_tracing
from keras_trainkit._tensors import Tensor
from keras_trainkit.layers._batch_normalization.moments import centered_moments, others

# At this distance, 2^-20 of the mean are 2^-17 standard deviations.
FAR = 8.0


def normalize_by_batch(
    x: Tensor, axis: int, gamma: Tensor | None, beta: Tensor | None, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return y, the mean and the biased variance of `x` over every axis but `axis`."""
    kernel = backend_module(__name__)
    if kernel.can_normalize_by_batch(x):
        return kernel.normalize_by_batch(x, axis, gamma, beta, epsilon)
    centered, mean, variance, _ = centered_moments(x, others(x, axis))
    y = affine(centered / ops.sqrt(variance + epsilon), axis, gamma, beta)
    return y, ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))


def normalize(
    x: Tensor,
    axis: int,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    epsilon: float,
) -> Tensor:
    """Return y by the given statistics of each channel."""
    kernel = backend_module(__name__)
    if kernel.can_normalize(x, axis):
        return kernel.normalize(x, axis, mean, variance, gamma, beta, epsilon)
    # What exporters know, and fold into the layer before. For `axis` see TensorFlow's.
    axis = -1 if axis == len(x.shape) - 1 else axis
    return ops.batch_normalization(x, mean, variance, axis, beta, gamma, epsilon)


def affine(x: Tensor, axis: int, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    """Return `gamma * x + beta` channel by channel; `None` leaves its part out."""
    if gamma is not None:
        x = x * along(axis, gamma, x)
    return x if beta is None else x + along(axis, beta, x)


def along(axis: int, vector: Tensor, x: Tensor) -> Tensor:
    """Return the vector in a shape that broadcasts over every axis of `x` but `axis`."""
    shape = [1] * len(x.shape)
    shape[axis] = -1
    return ops.reshape(vector, shape)


load_for_tracing(__name__)
