"""How good a trained model is on rows that it was not trained on."""

from typing import Any

import keras
import numpy as np

from benchmarks.diagnosis import scores
from benchmarks.diagnosis.datasets import Split
from benchmarks.diagnosis.guides.guide import Score, Training


def validated(model: keras.Model, data: Split, **fit: Any) -> Training:
    """Return the training of a classifier with the rows to judge by as its validation data."""
    fit |= {"x": data.x, "y": data.y, "validation_data": (data.x_test, data.y_test)}
    return Training(model, fit, accuracy(data.x_test, data.y_test))


def accuracy(x: Any, truth: np.ndarray, logits: bool = False) -> Score:
    """Return the score that is the share of classes that are right."""
    return lambda model: scores.of(scores.accuracy, _outputs(model, x), truth, logits)


def balanced(x: Any, truth: np.ndarray, logits: bool = False) -> Score:
    """Return the score that is the mean of the classes' shares that are right."""
    return lambda model: scores.of(scores.balanced, _outputs(model, x), truth, logits)


def r_squared(x: Any, truth: np.ndarray) -> Score:
    """Return the score that is the share of the variance that is explained."""
    return lambda model: scores.of(scores.r_squared, _outputs(model, x), truth, False)


def _outputs(model: keras.Model, x: Any) -> np.ndarray:
    return np.asarray(model.predict(x, verbose=0), "float32")
