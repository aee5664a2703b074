"""Measured steps made by hand."""

import numpy as np

from keras_trainkit.callbacks._gradient_monitor.record import Step
from keras_trainkit.callbacks._gradient_monitor.recorder import STEP_FACTS
from keras_trainkit.callbacks._gradient_monitor.reductions import REDUCTIONS

FINE = {
    "norm": 3.0,
    "peak": 2.0,
    "mean": 0.5,
    "deviation": 1.0,
    "zero_fraction": 0.0,
    "nonfinite": 0.0,
    "weight_norm": 8.0,
    "update_norm": 0.5,
    "clipped": np.nan,
    "cosine": np.nan,
    "scale": 1.0,
    "clipnorm": np.inf,
    "factor": 1.0,
}


def a_table(*rows, facts=None, counts=None):
    """Return what leaves a step: the facts, and a row for each dict of reductions."""
    known = dict(zip(STEP_FACTS, (8.0, 0.0, 0.0, 0.0, 0.0), strict=True)) | (facts or {})
    width = len(REDUCTIONS) + (0 if counts is None else len(counts[0]))
    table = np.full((1 + len(rows), width), np.nan, "float32")
    table[0, : len(STEP_FACTS)] = [known[name] for name in STEP_FACTS]
    for place, row in zip(table[1:], rows, strict=True):
        place[: len(REDUCTIONS)] = [(FINE | row)[name] for name in REDUCTIONS]
    if counts is not None:
        table[1:, len(REDUCTIONS) :] = counts
    return table


def a_step(step, nonfinite=0, weights=0, moved=1, facts=None, epoch=0):
    """Return a step of two variables, whose gradients or weights may be broken."""
    row = {"nonfinite": float(nonfinite)}
    row["weight_norm"] = np.nan if weights else 8.0
    row["update_norm"] = 0.5 * moved
    return Step.of(step, epoch, a_table(row, row, facts=facts), [4, 4])
