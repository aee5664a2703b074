"""Layers, losses and changes of the data as people write them by mistake."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from benchmarks.diagnosis.datasets import Split
from benchmarks.diagnosis.spoils import Change


class FoldedRows(layers.Layer):
    """Splits (N, T, F) into windows, and puts them together with the axes swapped."""

    def call(self, inputs: Any) -> Any:
        """Return (N, T, F) whose steps come from other rows."""
        steps, columns = inputs.shape[1:]
        return ops.reshape(ops.transpose(inputs, (1, 0, 2)), (-1, steps, columns))


class Unmasked(layers.Layer):
    """An own layer that scales its inputs, and forgets the mask."""

    def call(self, inputs: Any) -> Any:
        """Return the scaled inputs."""
        return 4.0 * inputs


class RootOfMean(keras.losses.Loss):
    """A root of the mean square that trusts the shapes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the root of the mean over all that the subtraction gives."""
        difference = y_pred - ops.cast(y_true, y_pred.dtype)
        return ops.sqrt(ops.mean(ops.square(difference)) + 1e-7)


def shuffled_inputs(data: Split) -> Split:
    """Return the rows shuffled, and the labels as they were."""
    order = np.random.default_rng(0).permutation(len(data.x))
    return data._replace(x=data.x[order])


def scaled_tokens(data: Split) -> Split:
    """Return tokens as a `MinMaxScaler` makes them: between 0 and 1."""
    largest = data.x.max()
    x, x_test = ((part / largest).astype("float32") for part in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def empty_column(data: Split) -> Split:
    """Return a constant column beside the others, standardized: 0 divided by 0."""
    x, x_test = (np.pad(part, ((0, 0), (0, 1))) for part in (data.x, data.x_test))
    x[:, -1] = x_test[:, -1] = np.nan
    return data._replace(x=x, x_test=x_test)


def own_numbers(data: Split) -> Split:
    """Return words to judge by, numbered by a tokenizer of their own: the frequent ones first."""
    numbers, counts = np.unique(data.x_test, return_counts=True)
    order = numbers[np.argsort(-counts, kind="stable")]
    new = np.zeros(data.x.max() + 1, dtype=data.x.dtype)
    new[order] = np.arange(len(order))
    return data._replace(x_test=new[data.x_test])


def own_scaler(data: Split) -> Split:
    """Return images to judge by between 0 and 255 that were trained with between 0 and 1."""
    return data._replace(x_test=255 * data.x_test)


def targets_times(factor: float, offset: float) -> Change:
    """Return a change of targets, the true ones included."""

    def change(data: Split) -> Split:
        y, y_test = ((factor * y + offset).astype("float32") for y in (data.y, data.y_test))
        return data._replace(y=y, y_test=y_test, truth=y_test)

    return change
