"""The rules of early stopping, told over a whole history of checks at once."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Outcome(NamedTuple):
    epochs: int
    stopped_epoch: int
    best: float | None
    best_epoch: int


def early_stopping(
    values: Sequence[float | None],
    *,
    mode: str,
    min_delta: float,
    patience: int,
    baseline: float | None,
    start_from_epoch: int,
) -> Outcome:
    """Return what becomes of a training that measures `values[i]` in epoch i, or nothing: None."""
    sign = 1.0 if mode == "min" else -1.0

    def better(value: float, other: float | None) -> bool:
        return math.isfinite(value) and (other is None or sign * value + min_delta < sign * other)

    best, best_epoch, last_reset = None, 0, -1
    checks = [
        (epoch, value)
        for epoch, value in enumerate(values)
        if value is not None and epoch >= start_from_epoch
    ]
    for check, (epoch, value) in enumerate(checks):
        if better(value, best):
            best, best_epoch = value, epoch
            if better(value, baseline):
                last_reset = check
        elif check - last_reset >= max(patience, 1) and epoch > 0:
            return Outcome(epoch + 1, epoch, best, best_epoch)
    return Outcome(len(values), 0, best, best_epoch)
