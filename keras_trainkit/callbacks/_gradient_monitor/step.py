"""What was measured at one step, alone and as one of many in a few arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_trainkit.callbacks._gradient_monitor.statistics import FACTS, REDUCTIONS, derive
from keras_trainkit.diagnosis.history import BINS, STATISTICS

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
            dict(zip(FACTS, table[0, : len(FACTS)].tolist(), strict=True)),
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


def packed(steps: Sequence[Step]) -> dict[str, Any]:
    """Return all that the steps hold; the rows of all variables stand in one table."""
    counted = [step.counts for step in steps if step.counts is not None]
    return {
        "places": np.array([[s.step, s.epoch, len(s.rows), s.counts is not None] for s in steps]),
        "rows": np.concatenate(
            [np.empty((0, len(STATISTICS)), "float32")] + [step.rows for step in steps]
        ),
        "counts": np.concatenate([np.empty((0, BINS), "uint16"), *counted]),
        "facts": np.array([[step.facts[name] for name in FACTS] for step in steps]),
        "estimates": np.array([[step.signal, step.noise] for step in steps]),
    }


def unpacked(state: dict[str, Any]) -> list[Step]:
    """Return the steps."""
    steps, row, counted = [], 0, 0
    for i, (step, epoch, height, has_counts) in enumerate(state["places"].tolist()):
        counts = state["counts"][counted : counted + height] if has_counts else None
        facts = dict(zip(FACTS, state["facts"][i].tolist(), strict=True))
        rows = state["rows"][row : row + height]
        steps.append(Step(step, epoch, rows, counts, facts, *state["estimates"][i].tolist()))
        row, counted = row + height, counted + height * bool(has_counts)
    return steps
