"""What people do to data by mistake, and what they forget to do: functions of a `Split`."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.diagnosis.datasets import Split

Change = Callable[[Split], Split]


def one_hot(data: Split) -> Split:
    """Return classes as rows with a single 1."""
    rows = np.eye(int(data.truth.max()) + 1, dtype="float32")
    return data._replace(y=rows[data.y], y_test=rows[data.y_test])


def columns_of_targets(data: Split) -> Split:
    """Return targets (N,) as (N, 1), the true ones as they were."""
    return data._replace(y=data.y[:, None], y_test=data.y_test[:, None])


def flat_targets(data: Split) -> Split:
    """Return targets (N, 1) as (N,), the true ones as they were."""
    return data._replace(y=data.y[:, 0], y_test=data.y_test[:, 0])


def inputs_times(factor: float, offset: float = 0.0) -> Change:
    """Return a change of all inputs."""
    return partial(_inputs, factor, offset)


def labels_times(factor: float, offset: float = 0.0) -> Change:
    """Return a change of the labels that are trained with; the true ones stay."""
    return partial(_labels, factor, offset)


def validation_times(factor: float, offset: float = 0.0) -> Change:
    """Return a change of the inputs that are not trained with."""
    return partial(_validation, factor, offset)


def standardized_labels(data: Split) -> Split:
    """Return labels put through a scaler, as if they were a column of the inputs."""
    mean, std = data.y.mean(), data.y.std()
    scaled = ((data.y - mean) / std).astype("float32")
    return data._replace(y=scaled, y_test=((data.y_test - mean) / std).astype("float32"))


def random_labels(data: Split) -> Split:
    """Return labels in an order that has nothing to do with the rows'."""
    return data._replace(y=np.random.default_rng(0).permutation(data.y))


def missing(share: float, value: float = np.nan) -> Change:
    """Return a change that puts `value` into a share of the training inputs."""
    return partial(_missing, share, value)


def sorted_by_class(data: Split) -> Split:
    """Return the rows to train on class after class."""
    order = np.argsort(data.y, kind="stable")
    return data._replace(x=data.x[order], y=data.y[order])


def other_classes(data: Split) -> Split:
    """Return the lower half of the classes to train on, the upper half to judge by."""
    half = (data.truth.max() + 1) // 2
    low, high = data.y < half, data.truth >= half
    return Split(data.x[low], data.y[low], data.x_test[high], data.y_test[high], data.truth[high])


def few_rows(count: int) -> Change:
    """Return a change that keeps so many rows to train on."""
    return partial(_first, count)


def repeated_rare_class(data: Split) -> Split:
    """Return the rows of class 1 as often as those of class 0."""
    rare, rest = np.flatnonzero(data.y == 1), np.flatnonzero(data.y == 0)
    order = np.random.default_rng(0).permutation([*rest, *np.resize(rare, len(rest))])
    return data._replace(x=data.x[order], y=data.y[order])


def _inputs(factor: float, offset: float, data: Split) -> Split:
    x, x_test = ((factor * x + offset).astype("float32") for x in (data.x, data.x_test))
    return data._replace(x=x, x_test=x_test)


def _labels(factor: float, offset: float, data: Split) -> Split:
    kind = data.y.dtype if isinstance(factor, int) and isinstance(offset, int) else "float32"
    y, y_test = ((factor * y + offset).astype(kind) for y in (data.y, data.y_test))
    return data._replace(y=y, y_test=y_test)


def _validation(factor: float, offset: float, data: Split) -> Split:
    return data._replace(x_test=(factor * data.x_test + offset).astype("float32"))


def _missing(share: float, value: float, data: Split) -> Split:
    holes = np.random.default_rng(0).random(data.x.shape) < share
    return data._replace(x=np.where(holes, np.float32(value), data.x))


def _first(count: int, data: Split) -> Split:
    return data._replace(x=data.x[:count], y=data.y[:count])
