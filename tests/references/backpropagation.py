"""A tanh/softmax network with its gradients derived by hand, in float64."""

import numpy as np


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


def statistics(gradient, weight, update):
    """Return one row of the monitor's table."""
    return [
        np.sqrt((gradient**2).sum()),
        np.abs(gradient).max(),
        gradient.sum() / gradient.size,
        np.sqrt(((gradient - gradient.mean()) ** 2).sum() / gradient.size),
        (gradient == 0).sum() / gradient.size,
        (~np.isfinite(gradient)).sum(),
        np.sqrt((weight**2).sum()),
        np.sqrt((update**2).sum()),
    ]


def train(weights, batches, learning_rate):
    """Descend along the gradient once per batch; return the table, shape `(steps, 4, 8)`."""
    weights = [np.asarray(w, "float64") for w in weights]
    table = []
    for x, y in batches:
        grads = gradients(weights, x, y)
        steps = [-learning_rate * g for g in grads]
        table.append([statistics(*row) for row in zip(grads, weights, steps, strict=True)])
        weights = [w + s for w, s in zip(weights, steps, strict=True)]
    return np.array(table)
