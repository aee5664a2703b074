"""The host's side of a training record while it grows."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_trainkit.diagnosis.history import STATISTICS, History, layer_of, root_sum_square


class Record:
    """Collects the tables of one training until they are read as a `History`."""

    def __init__(self) -> None:
        self._tables: list[np.ndarray] = []
        self._epochs: list[int] = []
        self._logs: list[dict[str, float]] = []
        self._epoch = 0
        self._norms: list[float] = []
        self._first_step: int | None = None
        self._names: tuple[str, ...] = ()
        self._sizes: list[int] = []

    def begin_epoch(self, epoch: int, step: int) -> None:
        """Count what follows to `epoch`; `step` is the number of updates done so far."""
        self._epoch, self._norms = epoch, []
        if self._first_step is None:
            self._first_step = step

    def add(self, tables: Sequence[np.ndarray], variables: Sequence[Any]) -> None:
        """Append one table per step; `variables` belong to its rows and can only become more."""
        if len(variables) > len(self._names):
            self._names = unique_paths(variables)
            self._sizes = [math.prod(variable.shape) for variable in variables]
        self._tables += tables
        self._epochs += [self._epoch] * len(tables)
        self._norms += [float(root_sum_square(table[:, 0].astype("float64"))) for table in tables]

    def end_epoch(self, logs: Mapping[str, float]) -> None:
        """Keep what `fit` logged for the epoch."""
        self._logs.append({"epoch": self._epoch, **logs})

    def mean_norm(self) -> float | None:
        """Return the epoch's mean global norm over its finite steps; NaN if none, None if empty."""
        finite = [norm for norm in self._norms if math.isfinite(norm)]
        if finite:
            return float(np.mean(finite))
        return math.nan if self._norms else None

    def history(self) -> History:
        """Return everything so far."""
        shape = len(self._tables), len(self._names), len(STATISTICS)
        table = np.full(shape, math.nan, "float32")
        for step, rows in enumerate(self._tables):
            table[step, : len(rows)] = rows
        names = dict.fromkeys(name for logs in self._logs for name in logs)
        return History(
            steps=(self._first_step or 0) + np.arange(len(table)),
            epochs=np.array(self._epochs),
            variables=self._names,
            sizes=np.array(self._sizes),
            table=table,
            logs={n: np.array([logs.get(n, math.nan) for logs in self._logs]) for n in names},
        )


def unique_paths(variables: Sequence[Any]) -> tuple[str, ...]:
    """Return the paths; the second `layer/kernel` becomes `layer#2/kernel`."""
    seen: Counter[str] = Counter()
    names = []
    for variable in variables:
        path = getattr(variable, "path", variable.name)
        seen[path] += 1
        layer = layer_of(path)
        again = f"#{seen[path]}" if seen[path] > 1 else ""
        names.append(layer + again + path[len(layer) :])
    return tuple(names)
