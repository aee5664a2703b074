"""The rules of early stopping, told over a whole history of checks at once, in exact fractions."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple


class Outcome(NamedTuple):
    """What becomes of a training; `restored` is the epoch whose weights the model ends with."""

    epochs: int
    stopped_epoch: int
    best: float | None
    best_epoch: int
    reason: str
    restored: int


class Measured(NamedTuple):
    """What one epoch logs: each monitored metric, and the first of them in training."""

    values: tuple[float, ...]
    in_training: float | None = None


class Check(NamedTuple):
    """A measured epoch, with the exact averages of its metrics where all are finite."""

    epoch: int
    values: tuple[float, ...]
    in_training: float | None
    averages: tuple[Fraction, ...] | None


@dataclass
class Rules:
    modes: tuple[str, ...] = ("min",)
    min_delta: float | str = 0.0
    patience: int = 0
    baseline: float | None = None
    start_from_epoch: int = 0
    smoothing: float = 0.0
    target: float | None = None
    divergence: float | None = None
    max_gap: float | None = None
    stop_on_nonfinite: bool = False
    improvement: str = "first"

    @property
    def enough(self) -> int:
        return max(self.patience, 1)

    def ahead(self, value: float | Fraction, other: float | Fraction, place: int = 0) -> Fraction:
        """Return by how much a finite value is better than another."""
        by = Fraction(other) - Fraction(value)
        return by if self.modes[place] == "min" else -by

    def margin(self, reference: float | Fraction) -> Fraction:
        if isinstance(self.min_delta, str):
            return Fraction(self.min_delta.rstrip("%")) / 100 * abs(Fraction(reference))
        return Fraction(self.min_delta)


def early_stopping(history: Sequence[Measured | None], rules: Rules) -> Outcome:
    """Return what becomes of a training that logs `history[i]` in epoch i, or nothing: None."""
    checks = list(checks_of(history, rules))
    decided = improvements(checks, rules)
    counted = gains_of_any(checks, rules) if rules.improvement == "any" else set(decided)
    for place, check in enumerate(checks):
        reason = reason_to_stop(place, checks, counted, rules)
        if reason:
            return outcome(check.epoch + 1, check.epoch, checks[: place + 1], decided, reason)
    return outcome(len(history), 0, checks, decided, "end")


def outcome(
    epochs: int, stopped: int, checks: list[Check], decided: dict[int, int], reason: str
) -> Outcome:
    best = max((place for place in decided if place < len(checks)), default=None)
    if best is None:
        return Outcome(epochs, stopped, None, 0, reason, epochs - 1)
    at = checks[best]
    return Outcome(epochs, stopped, float(at.averages[0]), at.epoch, reason, at.epoch)


def checks_of(history: Sequence[Measured | None], rules: Rules) -> Iterator[Check]:
    """Yield the measured epochs; averages are over the finite checks so far."""
    finite: list[tuple[float, ...]] = []
    for epoch, measured in enumerate(history):
        if measured is None or epoch < rules.start_from_epoch:
            continue
        averages = None
        if all(map(math.isfinite, measured.values)):
            finite.append(measured.values)
            columns = zip(*finite, strict=True)
            averages = tuple(average(column, rules.smoothing) for column in columns)
        yield Check(epoch, *measured, averages)


def average(values: Sequence[float], smoothing: float) -> Fraction:
    """Return the mean with weights a^0 for the last value, a^1 for the one before, ..."""
    weights = [Fraction(smoothing) ** age for age in reversed(range(len(values)))]
    return sum(w * Fraction(v) for w, v in zip(weights, values, strict=True)) / sum(weights)


def improvements(checks: list[Check], rules: Rules) -> dict[int, int]:
    """Return the checks that improve, and by which of the metrics each does.

    A metric is compared with its best value at any improvement since the last one that itself, or
    a metric before it, decided.
    """
    decided: dict[int, int] = {}

    def reference(metric: int) -> Fraction:
        begin = max(check for check, by in decided.items() if by <= metric)
        since = [checks[check].averages[metric] for check in decided if check >= begin]
        return min(since) if rules.modes[metric] == "min" else max(since)

    for place, check in enumerate(checks):
        if check.averages is None:
            continue
        if not decided:
            decided[place] = 0
            continue
        for metric, value in enumerate(check.averages):
            by = rules.ahead(value, reference(metric), metric)
            if abs(by) > rules.margin(reference(metric)):
                if by > 0:
                    decided[place] = metric
                break
    return decided


def gains_of_any(checks: list[Check], rules: Rules) -> set[int]:
    """Return the checks in which a metric gains on what it alone would have for its best."""
    found: set[int] = set()
    for metric, mode in enumerate(rules.modes):
        alone = replace(rules, modes=(mode,))
        own = [c._replace(averages=c.averages and (c.averages[metric],)) for c in checks]
        found |= set(improvements(own, alone))
    return found


def reason_to_stop(
    place: int, checks: list[Check], counted: Collection[int], rules: Rules
) -> str | None:
    check = checks[place]
    finite = check.averages is not None
    first = check.averages[0] if finite else check.values[0]
    if rules.stop_on_nonfinite and not finite:
        return "nonfinite"
    if rules.target is not None and finite and rules.ahead(first, rules.target) >= 0:
        return "target"
    if rules.divergence is not None and diverges(first, rules):
        return "divergence"
    if rules.max_gap is not None and check.in_training is not None:
        known = [each for each in checks[: place + 1] if each.in_training is not None]
        if len(known) >= rules.enough and all(wide(c, rules) for c in known[-rules.enough :]):
            return "gap"
    if place in counted or (place == 0 and check.epoch == 0):
        return None
    return "patience" if waited(place, checks, counted, rules) >= rules.patience else None


def diverges(value: float | Fraction, rules: Rules) -> bool:
    """Say whether a value is worse than the limit, as NaN is than any."""
    if math.isinf(value):
        return (value > 0) == (rules.modes[0] == "min")
    return math.isnan(value) or rules.ahead(value, rules.divergence) < 0


def wide(check: Check, rules: Rules) -> bool:
    gap = check.values[0] - check.in_training
    return (gap if rules.modes[0] == "min" else -gap) > rules.max_gap


def waited(place: int, checks: list[Check], counted: Collection[int], rules: Rules) -> int:
    """Return the number of checks since the last gain that passes the baseline."""
    passing = [
        check
        for check in counted
        if check <= place
        and (
            rules.baseline is None
            or rules.ahead(checks[check].averages[0], rules.baseline) > rules.margin(rules.baseline)
        )
    ]
    return place - max(passing, default=-1)
