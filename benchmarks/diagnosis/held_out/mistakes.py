"""Layers, losses and changes of the data as people write them by mistake."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from benchmarks.diagnosis.datasets import Split


class TimeFirst(layers.Layer):
    """Swaps the axes of batch and time, and forces the shape back."""

    def call(self, inputs: Any) -> Any:
        """Return (N, T, F) in a wrong order."""
        swapped = ops.transpose(inputs, (1, 0, 2))
        return ops.reshape(swapped, (-1, *inputs.shape[1:]))


class AttentionOverRows(layers.Layer):
    """Weighs vectors by their likeness: those of the batch, where those of a text were meant."""

    def call(self, inputs: Any) -> Any:
        """Return mixtures of the batch's rows."""
        return ops.matmul(ops.softmax(ops.matmul(inputs, ops.transpose(inputs)) / 8), inputs)


class Logarithm(layers.Layer):
    """Takes the logarithm of columns, not all of which are positive."""

    def call(self, inputs: Any) -> Any:
        """Return the logarithms."""
        return ops.log(inputs)


class LogCosh(keras.losses.Loss):
    """A smooth absolute error that trusts the shapes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return log cosh of the differences."""
        return ops.log(ops.cosh(ops.clip(y_pred - ops.cast(y_true, y_pred.dtype), -20, 20)))


def floor_divided(data: Split) -> Split:
    """Return pixels between 0 and 1, divided by 255 as whole numbers: all are 0."""
    x, x_test = (np.clip(255 * x, 0, 254) // 255 for x in (data.x, data.x_test))
    return data._replace(x=x.astype("float32"), x_test=x_test.astype("float32"))


def other_tokenizer(data: Split) -> Split:
    """Return tokens to judge by that are numbered otherwise."""
    numbers = np.random.default_rng(1).permutation(int(data.x.max()) + 1)
    return data._replace(x_test=numbers[data.x_test])


def sorted_by_target(data: Split) -> Split:
    """Return the rows to train on from the smallest target to the largest."""
    order = np.argsort(data.y[:, 0], kind="stable")
    return data._replace(x=data.x[order], y=data.y[order])


def raw_validation(data: Split) -> Split:
    """Return table columns to judge by as they were before they were standardized."""
    width = data.x.shape[1]
    means, sizes = np.geomspace(30, 8000, width), np.geomspace(10, 6000, width)
    return data._replace(x_test=(data.x_test * sizes + means).astype("float32"))
