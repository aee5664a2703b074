"""How well a trained model answers the true question, whatever it was trained with."""

from collections.abc import Callable, Mapping

import numpy as np

# Outputs of shape (rows, ...), true targets, whether outputs are logits -> a score, at best 1.
Score = Callable[[np.ndarray, np.ndarray, bool], float]


def accuracy(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return the share of classes that are right."""
    return float(np.mean(_classes(outputs, truth, logits) == truth))


def balanced(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return the mean of the classes' shares that are right."""
    chosen = _classes(outputs, truth, logits)
    return float(np.mean([np.mean(chosen[truth == each] == each) for each in np.unique(truth)]))


def all_labels(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return the share of rows of which all labels are right."""
    return float(np.mean(np.all((outputs > _threshold(logits)) == truth, axis=-1)))


def r_squared(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return the share of the variance that is explained; below 0 is worse than the mean."""
    rest = np.mean((outputs.astype("float64") - truth) ** 2)
    return float(max(1 - rest / np.mean((truth - truth.mean(0)) ** 2), -1.0))


def of(score: Score, outputs: np.ndarray, truth: np.ndarray, logits: bool) -> float:
    """Return the score, -1 where outputs are not finite or do not have the targets' shape."""
    if score is r_squared and outputs.shape != truth.shape:
        return -1.0
    return score(outputs, truth, logits) if np.isfinite(outputs).all() else -1.0


def truthful(logs: Mapping[str, list[float]], metric: str, score: float) -> float:
    """Return a score less the distance of what `fit` logged for `metric`: 0.9 shown as 0 is 0."""
    return score - abs(score - logs[metric][-1])


def _classes(outputs: np.ndarray, truth: np.ndarray, logits: bool) -> np.ndarray:
    if outputs.shape[-1] > 1:
        return outputs.argmax(-1)
    single = outputs[..., 0]
    return np.round(single) if truth.max() > 1 else (single > _threshold(logits)).astype(int)


def _threshold(logits: bool) -> float:
    return 0.0 if logits else 0.5
