"""The estimates of `mc_predict`, and which of a model's outputs are probabilities."""

from typing import Any

import keras
import numpy as np

from keras_trainkit._validation import boolean, invalid, one_of
from keras_trainkit.layers._pooled_moments import PooledMoments

DISTRIBUTIONS = ("auto", "categorical", "bernoulli", None)
ENDING_IN_ACTIVATION = (
    keras.layers.Activation,
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


def check_distribution(distribution: str | None, from_logits: bool) -> None:
    """Raise if the two do not say together what the outputs are."""
    one_of("distribution", distribution, DISTRIBUTIONS)
    if boolean("from_logits", from_logits) and distribution in ("auto", None):
        requirement = "False unless `distribution` is 'categorical' or 'bernoulli'"
        raise invalid("from_logits", requirement, from_logits)


def output_distributions(
    model: keras.Model, count: int, distribution: str | None
) -> list[str | None]:
    """Return the distribution of each of `count` flattened outputs; `None` if there is none."""
    if distribution != "auto":
        return [distribution] * count
    shown = [_distribution_of(layer) for layer in _output_layers(model)]
    return shown if len(shown) == count else [None] * count


def _output_layers(model: keras.Model) -> list[keras.Layer | None]:
    if isinstance(model, keras.Sequential):
        return model.layers[-1:]
    layers = {layer.name: layer for layer in model.layers}
    return [layers.get(name) for name in getattr(model, "output_names", [])]


def _distribution_of(layer: keras.Layer | None) -> str | None:
    if isinstance(layer, keras.Model):
        return output_distributions(layer, 1, "auto")[0]
    if isinstance(layer, keras.layers.Softmax):
        return "categorical" if layer.axis == -1 else None
    if not isinstance(layer, ENDING_IN_ACTIVATION):
        return None
    if layer.activation is keras.activations.softmax:
        return "categorical"
    return "bernoulli" if layer.activation is keras.activations.sigmoid else None


class Estimate:
    """Estimates from one sampled prediction of one output after another.

    Args:
        distribution: "categorical", "bernoulli" or None, what the output is.
        from_logits: bool. Whether it comes as logits.
        keep: bool. Whether to keep all predictions; the memory is constant otherwise.
    """

    def __init__(self, distribution: str | None, from_logits: bool, keep: bool) -> None:
        self.distribution = distribution
        self.from_logits = from_logits
        self._samples: list[np.ndarray] | None = [] if keep else None
        self._predictions = PooledMoments()
        self._entropies = PooledMoments()

    def add(self, output: np.ndarray) -> None:
        """Take in one more sample."""
        if self.distribution is not None:
            output = self._checked_probabilities(output, self.distribution)
            self._entropies.add(_entropy(output, self.distribution))
        self._predictions.add(output)
        if self._samples is not None:
            self._samples.append(output)

    def result(self) -> dict[str, Any]:
        """Return the estimates by the names of `MCPrediction`'s attributes."""
        mean, entropy, information = self._predictions.mean, None, None
        if self.distribution is not None:
            entropy = _entropy(mean, self.distribution)
            # Not negative by Jensen's inequality, which rounding may break by some 1e-17.
            information = np.maximum(entropy - self._entropies.mean, 0)
        kept = {} if self._samples is None else {"samples": np.stack(self._samples)}
        return {
            "mean": mean,
            "variance": self._predictions.variance,
            "entropy": entropy,
            "mutual_information": information,
            **kept,
        }

    def _checked_probabilities(self, output: np.ndarray, distribution: str) -> np.ndarray:
        p = _probabilities(output, distribution) if self.from_logits else output
        if (p < 0).any() or (p > 1).any():
            requirement = "None, or come with `from_logits=True`, for outputs outside [0, 1]"
            raise invalid("distribution", requirement, distribution)
        return p


def _probabilities(logits: np.ndarray, distribution: str) -> np.ndarray:
    if distribution == "bernoulli":
        # The sigmoid in a form that cannot overflow; likewise the softmax below.
        return (1 + np.tanh(logits / 2)) / 2
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _entropy(p: np.ndarray, distribution: str) -> np.ndarray:
    if distribution == "bernoulli":
        return _surprise(p) + _surprise(1 - p)
    return _surprise(p).sum(-1)


def _surprise(p: np.ndarray) -> np.ndarray:
    return -p * np.log(np.where(p > 0, p, 1))
