"""The first call of a train function whose model is not built yet."""

from collections.abc import Callable
from typing import Any

import keras


class BuildFirst:
    """Stands in for `model.train_function` once, to build the model before it trains.

    TensorFlow builds a model in its first step, after which nobody knows what it began from.

    Args:
        model: model that `fit` is about to train.
        then: function without arguments, called when the model is built.
    """

    def __init__(self, model: keras.Model, then: Callable[[], None]) -> None:
        self._model, self._then = model, then
        self._train = model.train_function
        model.train_function = self

    def __call__(self, iterator: Any) -> dict[str, Any]:
        """Build by the shapes of a batch, give the place back, and train."""
        self._model.train_function = self._train
        self._model._symbolic_build(data_batch=iterator.element_spec)
        self._then()
        return self._train(iterator)
