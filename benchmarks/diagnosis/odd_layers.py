"""Layers as people write them by mistake, and losses that break."""

from typing import Any

import keras
from keras import layers, ops


class WrongReshape(layers.Layer):
    """Folds the batch into the columns with the axes in the wrong order, and back."""

    def call(self, inputs: Any) -> Any:
        """Return (N, F) read column by column."""
        rows, columns = ops.shape(inputs)[0], inputs.shape[1]
        mixed = ops.reshape(ops.transpose(inputs), (rows, columns))
        return ops.reshape(mixed, (-1, columns))


class BatchMean(layers.Layer):
    """Takes the mean over axis 0, which is the batch, where time was meant."""

    def call(self, inputs: Any) -> Any:
        """Return (N, T, F) less its mean over the batch, of which the rows' mean is left."""
        mean = ops.mean(inputs, axis=0, keepdims=True)
        return ops.mean(ops.broadcast_to(mean, ops.shape(inputs)) + 0.01 * inputs, axis=1)


class MixedRows(layers.Layer):
    """Rolls along axis 0, the batch, where the last axis was meant."""

    def call(self, inputs: Any) -> Any:
        """Return each row as the one before it."""
        return ops.roll(inputs, 1, axis=0)


class Rounded(layers.Layer):
    """Rounds, which lets no gradient through."""

    def call(self, inputs: Any) -> Any:
        """Return whole numbers."""
        return ops.round(4.0 * inputs) / 4.0


class Detached(layers.Layer):
    """Stops the gradient."""

    def call(self, inputs: Any) -> Any:
        """Return the inputs as constants."""
        return ops.stop_gradient(inputs)


class UnguardedRoot(layers.Layer):
    """A square root whose derivative at 0 is infinite."""

    def call(self, inputs: Any) -> Any:
        """Return the root of what is positive, 0 elsewhere."""
        is_positive = ops.cast(inputs > 0, inputs.dtype)
        return ops.sqrt(is_positive * inputs)


class OwnSquaredError(keras.losses.Loss):
    """A squared error that subtracts without a look at the shapes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the squares, broadcast."""
        return ops.square(ops.cast(y_true, y_pred.dtype) - y_pred)


class OwnAbsoluteError(keras.losses.Loss):
    """An absolute error that subtracts without a look at the shapes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the distances, broadcast."""
        return ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred)


class UnguardedCrossEntropy(keras.losses.Loss):
    """A cross-entropy that takes the logarithm of 0."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return -y log p - (1 - y) log(1 - p)."""
        y = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        return -y * ops.log(y_pred) - (1 - y) * ops.log(1 - y_pred)


class Scaled(layers.Layer):
    """Multiplies by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        """Return `factor` times the inputs."""
        return self.factor * inputs
