"""A tanh/softmax network with its gradients derived by hand, in float64."""

import numpy as np

from tests.references.gradient_statistics import signal_and_noise, statistics


def gradients(weights, x, y):
    """Return dL/dw for L = mean over rows of -log softmax(tanh(x W1 + b1) W2 + b2)[y].

    With p = softmax(z) and one-hot t:  dL/dz = (p - t) / n,  dL/dh = dL/dz W2^T,
    dL/da = dL/dh (1 - h^2),  and a layer `u W + b` gives dL/dW = u^T delta, dL/db = sum delta.
    """
    w1, b1, w2, b2 = (np.asarray(w, "float64") for w in weights)
    h = np.tanh(x @ w1 + b1)
    z = h @ w2 + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    delta_z = (p - np.eye(z.shape[1])[y]) / len(x)
    delta_a = delta_z @ w2.T * (1 - h**2)
    return [x.T @ delta_a, delta_a.sum(axis=0), h.T @ delta_z, delta_z.sum(axis=0)]


def train(weights, batches, learning_rate):
    """Descend along the gradient once per batch.

    Return the monitor's table, shape `(steps, 4, 10)`, and the signal and noise of each step.
    """
    weights = [np.asarray(w, "float64") for w in weights]
    table, moments, last, last_size = [], [], [None] * 4, 0
    for x, y in batches:
        grads = gradients(weights, x, y)
        steps = [-learning_rate * g for g in grads]
        rows = zip(grads, weights, steps, grads, last, strict=True)
        table.append([statistics(*row) for row in rows])
        known = last_size > 0
        moments.append(
            signal_and_noise(grads, last, len(x), last_size) if known else (np.nan, np.nan)
        )
        weights = [w + s for w, s in zip(weights, steps, strict=True)]
        last, last_size = grads, len(x)
    return np.array(table), np.array(moments)
