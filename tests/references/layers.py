"""Dropout and batch normalization in NumPy float64, with derivatives by hand."""

import math

import numpy as np


def dropout(x, upstream, keep, rate):
    """Return the output and the gradient of `sum(upstream * output)` for a given mask."""
    scale = np.asarray(keep, "float64") / (1 - rate)
    return x * scale, upstream * scale


class BatchNormalization:
    """Ioffe & Szegedy 2015, algorithm 1 and the derivatives below it; Ioffe 2017, algorithm 1.

    Ghost batches: Hoffer et al. 2017, algorithm 1, with the moving statistics moved in turn.
    """

    def __init__(
        self,
        size,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        renorm_momentum=None,
        clip=None,
        ghost_batch_size=None,
        momentum_warmup=False,
        unbiased=False,
    ):
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.renorm_momentum, self.clip = renorm_momentum, clip
        self.ghost_batch_size, self.unbiased = ghost_batch_size, unbiased
        self.momentum_warmup, self.steps = momentum_warmup or momentum is None, 0
        self.gamma, self.beta = np.ones(size), np.zeros(size)
        self.moving_mean, self.moving_variance = np.zeros(size), np.ones(size)
        self.moving_stddev, self.renorm_mean, self.renorm_stddev = np.ones((3, size)) * [
            [1],
            [0],
            [1],
        ]

    def train(self, x, upstream, valid=None):
        """Return y, dx, dgamma, dbeta; move the statistics. `valid` marks what counts in them."""
        if self.ghost_batch_size is None:
            return self._train(x, upstream, valid)
        size = math.ceil(len(x) / math.ceil(len(x) / self.ghost_batch_size))
        arrays = x, upstream, np.ones(x.shape, bool) if valid is None else valid
        ghosts = [
            self._train(*(a[start : start + size] for a in arrays))
            for start in range(0, len(x), size)
        ]
        y, dx, dgamma, dbeta = zip(*ghosts, strict=True)
        return np.concatenate(y), np.concatenate(dx), sum(dgamma), sum(dbeta)

    def _train(self, x, upstream, valid):
        shape = np.moveaxis(x, self.axis, -1).shape
        rows = [np.moveaxis(a, self.axis, -1).reshape(-1, shape[-1]) for a in (x, upstream)]
        x, g = np.asarray(rows, "float64")
        w = (
            np.ones(x.shape)
            if valid is None
            else np.moveaxis(valid, self.axis, -1).reshape(x.shape)
        )
        n = w.sum(0)
        mean = (w * x).sum(0) / n
        variance = (w * (x - mean) ** 2).sum(0) / n
        stddev = np.sqrt(variance + self.epsilon)
        normal = (x - mean) / stddev
        r, d = self._move(mean, variance, stddev, n)
        corrected = normal * r + d
        dnormal = g * self.gamma * r
        through_statistics = dnormal.sum(0) + normal * (dnormal * normal).sum(0)
        dx = (dnormal - w / n * through_statistics) / stddev
        y = self.gamma * corrected + self.beta
        back = [np.moveaxis(a.reshape(shape), -1, self.axis) for a in (y, dx)]
        return *back, (g * corrected).sum(0), g.sum(0)

    def infer(self, x):
        """Return y by the moving statistics."""
        x = np.moveaxis(np.asarray(x, "float64"), self.axis, -1)
        normal = (x - self.moving_mean) / np.sqrt(self.moving_variance + self.epsilon)
        return np.moveaxis(self.gamma * normal + self.beta, -1, self.axis)

    def _move(self, mean, variance, stddev, n):
        def moved(old, new, momentum):
            return momentum * old + (1 - momentum) * new

        followed = variance * n / np.maximum(n - 1, 1) if self.unbiased else variance
        share = self._share()
        self.moving_mean = moved(self.moving_mean, mean, share)
        if self.renorm_momentum is None:
            self.moving_variance = moved(self.moving_variance, followed, share)
            return 1.0, 0.0
        low, high, reach = self.clip
        r = np.clip(stddev / self.renorm_stddev, low, high)
        d = np.clip((mean - self.renorm_mean) / self.renorm_stddev, -reach, reach)
        self.renorm_mean = moved(self.renorm_mean, mean, self.renorm_momentum)
        self.renorm_stddev = moved(self.renorm_stddev, stddev, self.renorm_momentum)
        self.moving_stddev = moved(self.moving_stddev, np.sqrt(followed + self.epsilon), share)
        self.moving_variance = np.maximum(self.moving_stddev**2 - self.epsilon, 0)
        return r, d

    def _share(self):
        if not self.momentum_warmup:
            return self.momentum
        average = self.steps / (self.steps + 1)
        self.steps += 1
        return average if self.momentum is None else min(average, self.momentum)
