"""The host's side of a training record while it grows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_trainkit._variable_paths import unique_paths
from keras_trainkit.callbacks._gradient_monitor.step import Step, packed, unpacked
from keras_trainkit.diagnosis import ACTIVATION_STATISTICS, Activations, History, NonFinite
from keras_trainkit.diagnosis.history import BINS, STATISTICS, ratio, root_sum_square


class Record:
    """Collects the steps of one training until they are read as a `History`.

    Of more than `limit` steps every second one of the older half is forgotten, never the first: the
    older a time is, the wider apart are the steps that are kept of it. So it is with epochs.

    Args:
        limit: integer >= 2. Number of steps, and of epochs, kept.
    """

    def __init__(self, limit: int) -> None:
        self.names: tuple[str, ...] = ()
        self._limit = limit
        self._steps: list[Step] = []
        self._last: Step | None = None
        self._epoch = 0
        self._sums = np.zeros(4)
        self._counts = np.zeros(4)
        self._logs: list[dict[str, float]] = []
        self._sizes: list[int] = []
        self._activations: list[tuple[int, list[tuple[str, str, Sequence[float]]]]] = []

    def begin_epoch(self, epoch: int) -> None:
        """Count what follows to `epoch`."""
        self._epoch, self._sums, self._counts = epoch, np.zeros(4), np.zeros(4)

    def add(self, tables: Sequence[tuple[int, np.ndarray]], variables: Sequence[Any]) -> list[Step]:
        """Append steps; `variables` belong to their rows and can only become more."""
        if len(variables) > len(self.names):
            self.names = unique_paths(variables)
            self._sizes = [math.prod(variable.shape) for variable in variables]
        added = [Step.of(step, self._epoch, table, self._sizes) for step, table in tables]
        for step in added:
            step.compare(self._last)
            self._last = step
            values = np.array([*_global(step), step.signal, step.noise])
            self._sums += np.where(np.isfinite(values), values, 0.0)
            self._counts += np.isfinite(values)
            self._keep(self._steps, step)
        return added

    def add_activations(self, rows: list[tuple[str, str, Sequence[float]]]) -> None:
        """Append what a probe measured at the end of the epoch."""
        self._keep(self._activations, (self._epoch, rows))

    def end_epoch(self, logs: Mapping[str, float]) -> None:
        """Keep what `fit` logged for the epoch."""
        self._keep(self._logs, {"epoch": self._epoch, **logs})

    def means(self) -> dict[str, float]:
        """Return the epoch's mean global norm and update ratio, over finite steps, for the logs."""
        if self._last is None or self._last.epoch != self._epoch:
            return {}
        with np.errstate(invalid="ignore"):
            norm, ratio, signal, noise = (self._sums / self._counts).tolist()
        found = {"grad_norm": norm, "update_ratio": ratio}
        if not math.isnan(signal):
            found["noise_scale"] = noise / signal if signal > 0 else math.inf
        return found

    def history(self, events: Sequence[NonFinite] = ()) -> History:
        """Return everything so far, and the events."""
        names = dict.fromkeys(name for logs in self._logs for name in logs)
        has_counts = any(step.counts is not None for step in self._steps)
        return History(
            steps=np.array([step.step for step in self._steps]),
            epochs=np.array([step.epoch for step in self._steps]),
            variables=self.names,
            sizes=np.array(self._sizes),
            table=self._filled([step.rows for step in self._steps], len(STATISTICS), math.nan),
            logs={n: np.array([logs.get(n, math.nan) for logs in self._logs]) for n in names},
            signal=np.array([step.signal for step in self._steps]),
            noise=np.array([step.noise for step in self._steps]),
            histograms=self._filled([step.counts for step in self._steps], BINS, 0)
            if has_counts
            else None,
            activations=self._probed(),
            events=tuple(events),
        )

    def get_state(self) -> dict[str, Any]:
        """Return everything so far as nested lists, numbers and arrays."""
        return {
            "steps": packed(self._steps),
            "names": self.names,
            "sizes": self._sizes,
            "epoch": self._epoch,
            "sums": self._sums,
            "counts": self._counts,
            "logs": self._logs,
            "activations": self._activations,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue a record."""
        self._steps = unpacked(state["steps"])
        self._last = self._steps[-1] if self._steps else None
        self.names, self._sizes = tuple(state["names"]), list(state["sizes"])
        self._epoch = state["epoch"]
        self._sums, self._counts = state["sums"].copy(), state["counts"].copy()
        self._logs, self._activations = list(state["logs"]), list(state["activations"])

    def _keep(self, kept: list, item: Any) -> None:
        """Append to a list of at most `limit`."""
        kept.append(item)
        if len(kept) > self._limit:
            half = max(2, len(kept) // 2)
            kept[:half] = kept[:half:2]

    def _filled(self, parts: Sequence[Any], width: int, absent: float) -> np.ndarray:
        """Stack arrays that may lack the last variables."""
        dtype = "float32" if math.isnan(absent) else "uint16"
        filled = np.full((len(parts), len(self.names), width), absent, dtype)
        for place, part in zip(filled, parts, strict=True):
            if part is not None:
                place[: len(part)] = part
        return filled

    def _probed(self) -> Activations | None:
        if not self._activations:
            return None
        kinds = {layer: kind for _, rows in self._activations for layer, kind, _ in rows}
        blank = [math.nan] * len(ACTIVATION_STATISTICS)
        tables = [{layer: row for layer, _, row in rows} for _, rows in self._activations]
        return Activations(
            epochs=np.array([epoch for epoch, _ in self._activations]),
            layers=tuple(kinds),
            kinds=tuple(kinds.values()),
            table=np.array([[table.get(layer, blank) for layer in kinds] for table in tables]),
        )


def _global(step: Step) -> tuple[float, float]:
    """Return the norm over all variables and the update ratio."""
    weights, moves = (
        root_sum_square(step.rows[:, STATISTICS.index(name)].astype("float64"))
        for name in ("weight_norm", "update_norm")
    )
    return float(root_sum_square(step.norms)), float(ratio(moves, weights))
