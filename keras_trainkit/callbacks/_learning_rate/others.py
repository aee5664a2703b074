"""Who else is there: optimizers that no schedule drives, and Keras's own scheduler."""

import warnings

import keras

from keras_trainkit._keras_internals import counted_batches
from keras_trainkit._training_optimizers import other_optimizers


class Bystanders:
    """Optimizers of a model that are not among those that train, as far as that is known before.

    Args:
        model: the model that trains.
    """

    def __init__(self, model: keras.Model) -> None:
        self._optimizers = other_optimizers(model)
        self._counted = self._counts()

    def warn_if_trained(self, callback: keras.callbacks.Callback) -> None:
        """Say once which of them have trained after all, at rates that nobody set."""
        if not self._optimizers:
            return
        callback.model  # On JAX reading it brings the variables up to date.  # noqa: B018
        counts = self._counts()
        trained = [name for name, before in self._counted.items() if counts[name] > before]
        self._optimizers = {}
        if trained:
            warnings.warn(
                "`LearningRate` drives the optimizer that `compile` is given and those in "
                f"attributes of the model; others train as well: {', '.join(trained)}. Give them "
                "to `compile`, or hold them in attributes.",
                stacklevel=2,
            )

    def _counts(self) -> dict[str, int]:
        return {name: counted_batches(one) for name, one in self._optimizers.items()}


def warn_of_scheduler(callbacks: keras.callbacks.CallbackList | None) -> None:
    """Say that `keras.callbacks.LearningRateScheduler` multiplies, if it is among the callbacks."""
    others = getattr(callbacks, "callbacks", ())
    if any(isinstance(one, keras.callbacks.LearningRateScheduler) for one in others):
        warnings.warn(
            "`keras.callbacks.LearningRateScheduler` beside `LearningRate` multiplies: what it "
            "assigns at each epoch scales the schedule from there on. Leave it out, or give its "
            "function to `LearningRate`, where it counts steps.",
            stacklevel=2,
        )
