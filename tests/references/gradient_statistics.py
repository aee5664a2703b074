"""What a gradient monitor says of one step, in float64, columns as in `diagnosis.STATISTICS`."""

import numpy as np


def norm(*arrays):
    """Return the L2 norm of all entries together."""
    return np.sqrt(sum((np.asarray(a, "float64") ** 2).sum() for a in arrays))


def statistics(gradient, weight, update, clipped=None, last=None):
    """Return the row of one variable; `last` is the gradient of the step before, if recorded."""
    gradient = np.asarray(gradient, "float64")
    with np.errstate(invalid="ignore"):
        cosine = np.nan if last is None else np.sum(gradient / norm(gradient) * last / norm(last))
    return [
        norm(gradient),
        np.abs(gradient).max(),
        gradient.sum() / gradient.size,
        np.sqrt(((gradient - gradient.mean()) ** 2).sum() / gradient.size),
        (gradient == 0).sum() / gradient.size,
        (~np.isfinite(gradient)).sum(),
        norm(weight),
        norm(update),
        norm(gradient if clipped is None else clipped),
        cosine,
    ]


def signal_and_noise(gradients, last, size, last_size):
    """Return estimates of |G|^2 and tr(Sigma) from two steps on batches of these sizes.

    For a batch of B examples E |g|^2 = |G|^2 + tr(Sigma) / B, of two batches E g . g' = |G|^2.
    """
    signal = sum((g * other).sum() for g, other in zip(gradients, last, strict=True))
    square = (norm(*gradients) ** 2 + norm(*last) ** 2) / 2
    return signal, (square - signal) * 2 / (1 / size + 1 / last_size)


def histogram(gradient):
    """Return how many of at most 4,096 entries lie in [2^(j - 48), 2^(j - 47)), j from 0 to 63."""
    entries = np.abs(np.ravel(gradient)[:: -(-np.size(gradient) // 4096)])
    bins = np.floor(np.log2(entries[entries > 0])).astype(int) + 48
    return np.bincount(bins.clip(0, 63), minlength=64)


def clip(gradients, clipnorm=np.inf, global_clipnorm=np.inf, clipvalue=np.inf):
    """Return the gradients as an optimizer clips them that is given one of these numbers."""
    factor = min(1.0, global_clipnorm / norm(*gradients))
    return [
        np.clip(g * factor * min(1.0, clipnorm / max(norm(g), 1e-30)), -clipvalue, clipvalue)
        for g in gradients
    ]
