"""What a network puts out on a probe batch, beside what it should."""

import math
from dataclasses import dataclass

import numpy as np

from keras_trainkit.diagnosis._tables import check_known, check_shapes, column

OUTCOME_STATISTICS = ("low", "high", "spread", "target_spread", "skill")


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes:
    """The O outputs p of a network for a probe batch, which stays the same, in E epochs.

        low, high of all p
        spread = the largest standard deviation over rows of one element of p
        target_spread = the same of the targets t
        skill = (accuracy - a) / (1 - a) for classes; a = share of the most frequent class
        skill = 1 - mean (p - t)^2 / mean (t - mean of its column)^2 otherwise
    They are of inference mode. A skill of 0 is that of a constant, 1 is perfect; it is NaN where
    the targets are not known, are all the same, or do not fit. A spread of 0: the network puts out
    the same for all rows.

    Args:
        epochs: integers, shape `(E,)`. The probed epochs, 0-based.
        names: O strings. The names of the outputs.
        table: floats, shape `(E, O, 5)`, columns as in `diagnosis.OUTCOME_STATISTICS`.

    Raises:
        ValueError: if the shapes do not fit together.

    Example:
        >>> from keras_trainkit.diagnosis import Outcomes
        >>> Outcomes([0], ["dense"], [[[0.5, 0.5, 0.0, 0.4, 0.0]]])["spread"]
        array([[0.]])
    """

    epochs: np.ndarray
    names: tuple[str, ...]
    table: np.ndarray

    def __post_init__(self) -> None:
        """Turn the fields into arrays and check their shapes."""
        object.__setattr__(self, "epochs", np.asarray(self.epochs, "int64"))
        object.__setattr__(self, "table", np.asarray(self.table))
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        epochs, names = {"epochs": self.epochs.size}, {"names": len(self.names)}
        columns = {"statistics": len(OUTCOME_STATISTICS)}
        check_shapes(self, {"epochs": epochs, "table": epochs | names | columns})

    def __repr__(self) -> str:
        """Return how much there is."""
        return f"<Outcomes of {len(self.names)} outputs in {len(self.epochs)} epochs>"

    def __getitem__(self, statistic: str) -> np.ndarray:
        """Return one statistic as a float64 array of shape `(E, O)`."""
        check_known(statistic, OUTCOME_STATISTICS)
        return column(self.table, OUTCOME_STATISTICS, statistic)


def outcome(output: np.ndarray, target: np.ndarray | None = None) -> tuple[float, ...]:
    """Return the statistics of one output, in the order of `OUTCOME_STATISTICS`."""
    p = _table(output)
    if not p.size:
        return (math.nan,) * len(OUTCOME_STATISTICS)
    spread = _spread(p)
    if target is None or not np.size(target):
        return float(p.min()), float(p.max()), spread, math.nan, math.nan
    t = _table(target)
    return float(p.min()), float(p.max()), spread, _spread(t), skill(p, t)


def skill(output: np.ndarray, target: np.ndarray) -> float:
    """Return how far an output is from the best constant (0) to its target (1), NaN if unknown."""
    p = _table(output)
    t = _beside(p, np.asarray(target, "float64"))
    p, t = p.reshape(-1, p.shape[-1]), t.reshape(-1, t.shape[-1])
    if not np.isfinite(t).all() or p.shape[0] != t.shape[0]:
        return math.nan
    if p.shape[1] > 1 and t.shape[1] == 1 and _are_whole(t):
        return _of_classes(p.argmax(axis=1), t[:, 0])
    if p.shape != t.shape:
        return math.nan
    if t.shape[1] > 1 and _are_binary(t) and (t.sum(axis=1) == 1).all():
        return _of_classes(p.argmax(axis=1), t.argmax(axis=1))
    if t.shape[1] == 1 and _are_binary(t):
        middle = 0.5 if p.min() >= 0 and p.max() <= 1 else 0.0
        return _of_classes(p[:, 0] > middle, t[:, 0])
    baseline = ((t - t.mean(axis=0)) ** 2).mean()
    return float(1 - ((p - t) ** 2).mean() / baseline) if baseline > 0 else math.nan


def _beside(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return targets in the shape of the output, or with one column where they are classes."""
    for shape in (output.shape, (*output.shape[:-1], 1)):
        if target.size == math.prod(shape):
            return target.reshape(shape)
    return _table(target)


def _of_classes(found: np.ndarray, classes: np.ndarray) -> float:
    frequent = np.unique(classes, return_counts=True)[1].max() / classes.size
    return (
        float(((found == classes).mean() - frequent) / (1 - frequent))
        if frequent < 1
        else (math.nan)
    )


def _table(values: np.ndarray) -> np.ndarray:
    """Return values as float64, with at least an axis of columns."""
    values = np.asarray(values, "float64")
    return values.reshape(-1, 1) if values.ndim < 2 else values


def _spread(values: np.ndarray) -> float:
    return float(values.reshape(len(values), -1).std(axis=0).max())


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _are_binary(values: np.ndarray) -> bool:
    return bool(((values == 0) | (values == 1)).all())
