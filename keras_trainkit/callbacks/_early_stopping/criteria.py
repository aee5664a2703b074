"""What makes one measurement of a model better than another."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from keras_trainkit import _validation
from keras_trainkit.callbacks._early_stopping.progress import Progress


class Margin:
    """What a value must gain on another: a number, or with "1%" a part of the other's magnitude."""

    def __init__(self, min_delta: Any) -> None:
        self._relative = isinstance(min_delta, str)
        if self._relative:
            self._size = _percentage(min_delta)
        else:
            self._size = _validation.real("min_delta", min_delta, low=0.0)

    def at(self, reference: float) -> float:
        """Return the margin in the unit of the metric."""
        return self._size * abs(reference) if self._relative else self._size


class Criteria:
    """One or several metrics in order: where the first is as good as before, the next decides.

    A metric is as good as before while it is within the margin of the best value that it had at
    any improvement, so that a series of small losses in the first can not buy gains in the second.

    Args:
        directions: sequence of "min" or "max", one per metric.
        margin: `Margin`.
    """

    def __init__(self, directions: Sequence[str], margin: Margin) -> None:
        self._signs = tuple(1.0 if direction == "min" else -1.0 for direction in directions)
        self._margin = margin

    def improves(self, values: Sequence[float], references: Sequence[float] | None) -> bool:
        """Say whether the values are finite and better than the references by the margin."""
        if not all(math.isfinite(value) for value in values):
            return False
        if references is None:
            return True
        for one in self._gains(values, references):
            if one:
                return one > 0
        return False

    def any_improves(self, values: Sequence[float], bests: Sequence[float] | None) -> bool:
        """Say whether the values are finite and one is better by the margin than its own best."""
        if not all(math.isfinite(value) for value in values):
            return False
        return bests is None or any(one > 0 for one in self._gains(values, bests))

    def bests(self, values: Sequence[float], bests: Sequence[float] | None) -> tuple[float, ...]:
        """Return the best value of each metric by itself, after finite values."""
        if bests is None:
            return tuple(values)
        gains = self._gains(values, bests)
        return tuple(
            value if gain > 0 else best
            for value, best, gain in zip(values, bests, gains, strict=True)
        )

    def references(
        self, values: Sequence[float], references: Sequence[float] | None
    ) -> tuple[float, ...]:
        """Return what later values must improve on, after an improvement."""
        if references is None:
            return tuple(values)
        kept: list[float] = []
        gains = list(self._gains(values, references))
        for place, (value, reference) in enumerate(zip(values, references, strict=True)):
            tied = not any(gains[: place + 1])
            better = self._signs[place] * (value - reference) < 0
            kept.append(reference if tied and not better else value)
        return tuple(kept)

    def beats(self, value: float, limit: float) -> bool:
        """Say whether a value of the first metric is better than a limit by the margin."""
        return self._gain(value, limit, self._signs[0]) > 0

    def reaches(self, value: float, limit: float) -> bool:
        """Say whether a value of the first metric is as good as a limit."""
        return self._signs[0] * (value - limit) <= 0

    def loss(self, value: float, other: float) -> float:
        """Return by how much a value of the first metric is worse than another."""
        return self._signs[0] * (value - other)

    def _gains(self, values: Sequence[float], references: Sequence[float]) -> Iterator[int]:
        for value, reference, sign in zip(values, references, self._signs, strict=True):
            yield self._gain(value, reference, sign)

    def _gain(self, value: float, reference: float, sign: float) -> int:
        """Return 1 for better, -1 for worse, 0 within the margin."""
        margin = self._margin.at(reference)
        if sign * value + margin < sign * reference:
            return 1
        return -1 if sign * reference + margin < sign * value else 0


class Smoothing:
    """Exponential moving averages without the bias of their start.

        s_t = a s_{t-1} + (1 - a) x_t,    average s_t / (1 - a^t)

    Args:
        share: float in [0, 1). The a of the rule; 0 leaves the values as they are.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def averages(self, values: Sequence[float], progress: Progress) -> tuple[float, ...]:
        """Take finite values of one check into the sums, and return the averages."""
        a = self.share
        if not a:
            return tuple(values)
        before = progress.sums or [0.0] * len(values)
        progress.count += 1
        progress.sums = [a * s + (1 - a) * x for s, x in zip(before, values, strict=True)]
        return tuple(s / (1 - a**progress.count) for s in progress.sums)


def _percentage(text: str) -> float:
    try:
        size = float(text.removesuffix("%")) / 100
    except ValueError:
        size = math.nan
    if not (text.endswith("%") and 0 <= size < math.inf):
        raise _validation.invalid("min_delta", 'a number >= 0 or a percentage like "1%"', text)
    return size
