"""The host's side of a training record while it grows."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_trainkit._variable_paths import path_of, repeats
from keras_trainkit.callbacks._gradient_monitor.recorder import STEP_FACTS
from keras_trainkit.callbacks._gradient_monitor.reductions import REDUCTIONS
from keras_trainkit.diagnosis import (
    ACTIVATION_STATISTICS,
    OUTCOME_STATISTICS,
    Activations,
    Facts,
    History,
    NonFinite,
    Outcomes,
)
from keras_trainkit.diagnosis.history import (
    BINS,
    STATISTICS,
    layer_of,
    ratio,
    root_sum_square,
)

NORM, COSINE = STATISTICS.index("norm"), STATISTICS.index("cosine")


@dataclass(slots=True)
class Step:
    """What was measured at one step: `rows (V, 10)`, `counts (V, BINS)` or None, and the facts."""

    step: int
    epoch: int
    rows: np.ndarray
    counts: np.ndarray | None
    facts: dict[str, float]
    signal: float = math.nan
    noise: float = math.nan

    @property
    def norms(self) -> np.ndarray:
        """The norms in double precision."""
        return self.rows[:, NORM].astype("float64")

    @classmethod
    def of(cls, step: int, epoch: int, table: np.ndarray, sizes: Sequence[int]) -> "Step":
        """Take a table apart: a row of facts, and a row of reductions for each variable."""
        width = len(REDUCTIONS)
        rows = table[1:]
        counts = rows[:, width:].astype("uint16") if table.shape[1] > width else None
        return cls(
            step,
            epoch,
            derive(rows[:, :width], np.array(sizes[: len(rows)])),
            counts,
            dict(zip(STEP_FACTS, table[0, : len(STEP_FACTS)].tolist(), strict=True)),
        )

    def compare(self, last: "Step | None") -> None:
        """Estimate |G|^2 and tr(Sigma) from this gradient and the last; forget a cosine of older.

        For batches of B and B' examples, E |g|^2 = |G|^2 + tr(Sigma) / B and E g . g' = |G|^2.
        """
        if last is None or last.step != self.step - 1:
            self.rows[:, COSINE] = math.nan
            return
        shared = min(len(self.norms), len(last.norms))
        products = self.rows[:shared, COSINE] * self.norms[:shared] * last.norms[:shared]
        if np.isnan(products).all():
            return
        self.signal = float(np.nansum(products))
        squares = (np.nansum(self.norms**2) + np.nansum(last.norms**2)) / 2
        examples = (1 / self.facts["batch_size"] + 1 / last.facts["batch_size"]) / 2
        self.noise = float((squares - self.signal) / examples)


class Record:
    """Collects the steps of one training until they are read as a `History`.

    Of more than `limit` steps every second one of the older half is forgotten, never the first: the
    older a time is, the wider apart are the steps that are kept of it. So it is with epochs.

    Args:
        limit: integer >= 2. Number of steps, and of epochs, kept.

    Attributes:
        facts: `Facts` or None. What was known before the first step.
    """

    def __init__(self, limit: int) -> None:
        self.names: tuple[str, ...] = ()
        self.facts: Facts | None = None
        self._limit = limit
        self._steps: list[Step] = []
        self._last: Step | None = None
        self._epoch = 0
        self._sums = np.zeros(4)
        self._counts = np.zeros(4)
        self._logs: list[dict[str, float]] = []
        self._sizes: list[int] = []
        self._activations: list[tuple[int, list[tuple[str, str, Sequence[float]]]]] = []
        self._outcomes: list[tuple[int, list[tuple[str, Sequence[float]]]]] = []

    @property
    def has_begun(self) -> bool:
        """Whether there is a step in it."""
        return bool(self._steps)

    def begin_epoch(self, epoch: int) -> None:
        """Count what follows to `epoch`."""
        self._epoch, self._sums, self._counts = epoch, np.zeros(4), np.zeros(4)

    def add(self, tables: Sequence[tuple[int, np.ndarray]], variables: Sequence[Any]) -> list[Step]:
        """Append steps; `variables` belong to their rows and can only become more."""
        if len(variables) > len(self.names):
            self.names = _unique_paths(variables)
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

    def add_outcomes(self, rows: list[tuple[str, Sequence[float]]]) -> None:
        """Append what the network put out at the end of the epoch."""
        self._keep(self._outcomes, (self._epoch, rows))

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
            outcomes=self._put_out(),
            events=tuple(events),
            facts=self.facts,
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
            "facts": self.facts and self.facts.to_dict(),
            "outcomes": self._outcomes,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue a record."""
        self._steps = unpacked(state["steps"])
        self._last = self._steps[-1] if self._steps else None
        self.names, self._sizes = tuple(state["names"]), list(state["sizes"])
        self._epoch = state["epoch"]
        self._sums, self._counts = state["sums"].copy(), state["counts"].copy()
        self._logs, self._activations = list(state["logs"]), list(state["activations"])
        if state.get("facts"):
            self._continue_facts(state["facts"])
        self._outcomes = list(state.get("outcomes", []))  # Older states have none.

    def _continue_facts(self, state: dict[str, Any]) -> None:
        """Take the facts of the beginning; of how long to train, those of the script as it is."""
        # Those of another version stay unread, and this fit's own stand in for them.
        with contextlib.suppress(KeyError, TypeError, ValueError):
            first = Facts.from_dict(state)
            self.facts = replace(first, plan=self.facts.plan) if self.facts else first

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

    def _put_out(self) -> Outcomes | None:
        if not self._outcomes:
            return None
        names = tuple(dict.fromkeys(name for _, rows in self._outcomes for name, _ in rows))
        blank = [math.nan] * len(OUTCOME_STATISTICS)
        return Outcomes(
            epochs=np.array([epoch for epoch, _ in self._outcomes]),
            names=names,
            table=np.array(
                [[dict(rows).get(name, blank) for name in names] for _, rows in self._outcomes]
            ).reshape(len(self._outcomes), len(names), len(OUTCOME_STATISTICS)),
        )


def _global(step: Step) -> tuple[float, float]:
    """Return the norm over all variables and the update ratio."""
    weights, moves = (
        root_sum_square(step.rows[:, STATISTICS.index(name)].astype("float64"))
        for name in ("weight_norm", "update_norm")
    )
    return float(root_sum_square(step.norms)), float(ratio(moves, weights))


def packed(steps: Sequence[Step]) -> dict[str, Any]:
    """Return all that the steps hold; the rows of all variables stand in one table."""
    counted = [step.counts for step in steps if step.counts is not None]
    return {
        "places": np.array([[s.step, s.epoch, len(s.rows), s.counts is not None] for s in steps]),
        "rows": np.concatenate(
            [np.empty((0, len(STATISTICS)), "float32")] + [step.rows for step in steps]
        ),
        "counts": np.concatenate([np.empty((0, BINS), "uint16"), *counted]),
        "facts": np.array([[step.facts[name] for name in STEP_FACTS] for step in steps]),
        "estimates": np.array([[step.signal, step.noise] for step in steps]),
    }


def unpacked(state: dict[str, Any]) -> list[Step]:
    """Return the steps."""
    steps, row, counted = [], 0, 0
    for i, (step, epoch, height, has_counts) in enumerate(state["places"].tolist()):
        counts = state["counts"][counted : counted + height] if has_counts else None
        facts = dict(zip(STEP_FACTS, state["facts"][i].tolist(), strict=True))
        rows = state["rows"][row : row + height]
        steps.append(Step(step, epoch, rows, counts, facts, *state["estimates"][i].tolist()))
        row, counted = row + height, counted + height * bool(has_counts)
    return steps


def derive(reductions: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the statistics of one step, `(V, 10)`, from its reductions, `(V, 13)`.

    Of long rows std^2 = |g|^2 / n - mean^2, whose relative error is 1e-7 (1 + mean^2 / std^2).
    """
    r = dict(zip(REDUCTIONS, reductions.astype("float64").T, strict=True))
    present, broken = ~np.isnan(r["nonfinite"]), r["nonfinite"] > 0
    full = ~np.isnan(r["zero_fraction"])  # The mean of a broken gradient may be NaN itself.
    with np.errstate(all="ignore"):
        long = np.sqrt(np.maximum(r["norm"] ** 2 - sizes * r["mean"] ** 2, 0.0))
        deviation = np.where(np.isnan(r["deviation"]), long, r["deviation"])
        clipped = np.where(np.isnan(r["clipped"]), r["norm"], r["clipped"]) / r["scale"]
        derived = {
            "norm": np.where(broken, math.inf, r["norm"] / r["scale"]),
            "max_abs": np.where(broken & full, math.inf, r["peak"] / r["scale"]),
            "mean": np.where(broken, math.nan, r["mean"] / r["scale"]),
            "std": np.where(broken, math.nan, deviation / np.sqrt(sizes) / r["scale"]),
            "zero_fraction": np.where(broken, math.nan, r["zero_fraction"]),
            "nonfinite": r["nonfinite"],
            "clipped_norm": np.where(broken, math.inf, clipped),
            "cosine": np.where(broken, math.nan, r["cosine"]),
        }
        derived["clipped_norm"] = np.fmin(derived["clipped_norm"], r["clipnorm"]) * r["factor"]
    for name in ("weight_norm", "update_norm"):
        derived[name] = np.where(present & ~np.isfinite(r[name]), math.inf, r[name])
    return np.stack([derived[name] for name in STATISTICS], axis=1).astype("float32")


def _unique_paths(variables: Sequence[Any]) -> tuple[str, ...]:
    """Return the paths; the second `layer/kernel` becomes `layer#2/kernel`."""
    paths = [path_of(variable) for variable in variables]
    owners = [layer_of(path) for path in paths]
    return tuple(
        owner + mark + path[len(owner) :]
        for path, owner, mark in zip(paths, owners, repeats(paths), strict=True)
    )
