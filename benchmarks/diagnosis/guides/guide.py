"""A training after the manner of a published guide or code example of Keras."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

Score = Callable[[keras.Model], float]


@dataclass
class Training:
    """A compiled model and what its `fit` gets.

    Args:
        model: compiled `keras.Model`.
        fit: dict. The arguments of `fit`.
        score: function of the trained model: how good it is, at best 1.
    """

    model: keras.Model
    fit: dict[str, Any]
    score: Score


@dataclass(frozen=True)
class Guide:
    """One guide, in its shape: layers, loss, optimizer, rates and preparation as it has them.

    Args:
        name: string.
        goal: float. The score of a training that works.
        make: function that returns the `Training`.
    """

    name: str
    goal: float
    make: Callable[[], Training]
