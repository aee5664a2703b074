"""A classifier of the digits in NumPy, so that every library is handed the same gradients."""

from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits

WIDTHS = (64, 64, 32, 10)
BATCH_SIZE = 32

Arrays = list[np.ndarray]


class Digits:
    """A multilayer perceptron with tanh and its cross-entropy.

    The weights are a list of kernels and biases in turn. Batches follow each other in an order
    that is drawn anew for every pass.
    """

    def __init__(self, dtype: str) -> None:
        """Load the data, draw the initial weights and the order of the batches."""
        images, self.labels = load_digits(return_X_y=True)
        self.images = (images / 16).astype(dtype)
        random = np.random.default_rng(0)
        passes = [random.permutation(len(images)) for _ in range(20)]
        self.order = np.concatenate(passes)
        self.start: Arrays = []
        for inputs, outputs in pairwise(WIDTHS):
            kernel = random.normal(size=(inputs, outputs)) * np.sqrt(1 / inputs)
            self.start += [kernel.astype("float32").astype(dtype), np.zeros(outputs, dtype)]

    def loss(self, weights: Arrays) -> float:
        """Return the mean cross-entropy on all images."""
        logits = _activations(weights, self.images)[-1].astype("float64")
        logits = logits - logits.max(1, keepdims=True)
        chosen = logits[np.arange(len(logits)), self.labels]
        return float(np.mean(np.log(np.exp(logits).sum(1)) - chosen))

    def gradients(self, weights: Arrays, step: int) -> Arrays:
        """Return the gradients of the cross-entropy on batch `step`."""
        places = np.arange(step * BATCH_SIZE, (step + 1) * BATCH_SIZE) % len(self.order)
        rows = self.order[places]
        activations = _activations(weights, self.images[rows])
        logits = activations.pop()
        error = np.exp(logits - logits.max(1, keepdims=True))
        error /= error.sum(1, keepdims=True)
        error[np.arange(len(rows)), self.labels[rows]] -= 1
        error /= len(rows)
        gradients: Arrays = []
        for kernel, inputs in zip(weights[-2::-2], activations[::-1], strict=True):
            gradients = [inputs.T @ error, error.sum(0), *gradients]
            error = (error @ kernel.T) * (1 - inputs**2)
        return gradients


def _activations(weights: Arrays, inputs: np.ndarray) -> Arrays:
    """Return the inputs of every layer, and the logits."""
    layers = [inputs]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        layers.append(np.tanh(layers[-1] @ kernel + bias))
    return [*layers, layers[-1] @ weights[-2] + weights[-1]]
