"""What ends a training whatever its patience."""

import math
from collections.abc import Sequence

from keras_trainkit import _validation
from keras_trainkit.callbacks._early_stopping.criteria import Criteria
from keras_trainkit.callbacks._early_stopping.progress import Progress


class Limits:
    """Bounds for the first of the monitored metrics, and what to do about NaN.

    Args:
        target: float or None. A value this good ends the training.
        divergence: float or None. A value worse than this ends it.
        max_gap: float >= 0 or None. How much worse than in training the metric may be.
        stop_on_nonfinite: bool. Whether NaN or infinity ends it.
    """

    def __init__(
        self,
        target: float | None,
        divergence: float | None,
        max_gap: float | None,
        stop_on_nonfinite: bool,
    ) -> None:
        self.target = None if target is None else _validation.real("target", target)
        self.divergence = None if divergence is None else _validation.real("divergence", divergence)
        self.max_gap = None if max_gap is None else _validation.real("max_gap", max_gap, low=0.0)
        self.stop_on_nonfinite = _validation.boolean("stop_on_nonfinite", stop_on_nonfinite)

    def passed(
        self,
        progress: Progress,
        criteria: Criteria,
        values: Sequence[float],
        compared: Sequence[float],
        in_training: float | None,
        patience: int,
    ) -> tuple[str, str] | None:
        """Return the reason to stop and its figures, or None.

        Args:
            progress: `Progress`. How often in a row the gap was wider is counted there.
            criteria: `Criteria` of the metrics.
            values: the values of the check.
            compared: the same, smoothed.
            in_training: what the first of them is in training, if known.
            patience: how many checks in a row the gap may be wider.
        """
        first = compared[0]
        if not all(math.isfinite(value) for value in values):
            if self.stop_on_nonfinite:
                return "nonfinite", f"a value is {_first_nonfinite(values)}"
        elif self.target is not None and criteria.reaches(first, self.target):
            return "target", f"{first:.6g} reaches the target {self.target:g}"
        if self.divergence is not None and not criteria.reaches(first, self.divergence):
            return "divergence", f"{first:.6g} is worse than {self.divergence:g}"
        if self.max_gap is not None and in_training is not None:
            gap = criteria.loss(values[0], in_training)
            progress.wide = progress.wide + 1 if gap > self.max_gap else 0
            if progress.wide >= max(patience, 1):
                return "gap", f"{gap:.6g} worse than in training, of at most {self.max_gap:g}"
        return None


def _first_nonfinite(values: Sequence[float]) -> float:
    return next(value for value in values if not math.isfinite(value))
