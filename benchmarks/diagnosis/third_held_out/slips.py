"""Layers, losses and changes of the data as people write them by mistake."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from benchmarks.diagnosis.datasets import Split


class Backwards(layers.Layer):
    """Flips axis 0, the batch, where a sequence was to be read from its end."""

    def call(self, inputs: Any) -> Any:
        """Return the rows in the opposite order."""
        return ops.flip(inputs, axis=0)


class RunningSum(layers.Layer):
    """Sums up along axis 0, the batch, where time was meant."""

    def call(self, inputs: Any) -> Any:
        """Return sums over this and all earlier rows."""
        return ops.cumsum(inputs, axis=0)


class SharesOfSteps(layers.Layer):
    """Turns steps into weights that sum to 1 over time, and forgets to weigh anything with them."""

    def call(self, inputs: Any) -> Any:
        """Return the mean of the weights: the same for every row."""
        return ops.mean(ops.softmax(inputs, axis=1), axis=1)


class Thousandth(layers.Layer):
    """Divides by a thousand, as if it had pixels in front of it."""

    def call(self, inputs: Any) -> Any:
        """Return the quotient."""
        return inputs / 1000.0


class Overlap(keras.losses.Loss):
    """Dice's coefficient, returned as it is: the better, the larger."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return twice the common part over the sum of both."""
        y = ops.cast(y_true, y_pred.dtype)
        return (2 * ops.sum(y * y_pred) + 1) / (ops.sum(y) + ops.sum(y_pred) + 1)


class Pinball(keras.losses.Loss):
    """The loss of a median, that trusts the shapes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return half of the distances, broadcast."""
        rest = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.maximum(0.5 * rest, -0.5 * rest)


def whole_numbers(data: Split) -> Split:
    """Return inputs between 0 and 1, put into an array of whole numbers."""
    return data._replace(x=np.trunc(data.x), x_test=np.trunc(data.x_test))


def holes_in_targets(data: Split) -> Split:
    """Return targets to train on of which every fortieth is missing."""
    y = data.y.copy()
    y[::40] = np.nan
    return data._replace(y=y)


def shifted_labels(data: Split) -> Split:
    """Return labels that moved down by a row when the table was joined."""
    return data._replace(y=np.roll(data.y, 1, axis=0))


def sorted_by_first(data: Split) -> Split:
    """Return the rows to train on in the order of their first column."""
    order = np.argsort(data.x[:, 0], kind="stable")
    return data._replace(x=data.x[order], y=data.y[order])


def negatives(data: Split) -> Split:
    """Return images to judge by in which white is black."""
    return data._replace(x_test=1 - data.x_test)


def truncated(data: Split) -> Split:
    """Return tokens divided by the size of the vocabulary, as if they were pixels."""
    size = np.float32(data.x.max() + 1)
    return data._replace(x=data.x.astype("f4") / size, x_test=data.x_test.astype("f4") / size)
