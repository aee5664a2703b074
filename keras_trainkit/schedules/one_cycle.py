"""One rise and one fall over a whole training, for the learning rate and for the momentum."""

import math
from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import Duration, duration


class _Cycle(Schedule):
    """A way from `start` to `peak` and on to `end`, which subclasses name as their field does."""

    durations: ClassVar[tuple[str, ...]] = ("total_steps",)
    start: float
    peak: float
    end: float

    def __init__(
        self, total_steps: Duration, pct_start: float, anneal: str, name: str | None
    ) -> None:
        super().__init__(name)
        self.total_steps = duration("total_steps", total_steps)
        self.pct_start = _validation.real("pct_start", pct_start, low=0.0, high=1.0)
        self.anneal = _validation.one_of("anneal", anneal, ("cos", "linear"))

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the number at `step`."""
        total: Any = self.total_steps
        turn = self.pct_start * total
        left = xp.array(xp.subtract(total, xp.minimum(step, total)), dtype)
        step = xp.array(xp.minimum(step, total), dtype)
        rise = self._between(self.start, self.peak, xp.minimum(step / (turn or 1), 1.0), xp)
        if turn == total:
            return rise
        # From the end, as that is the small number that the peak's rounding would drown.
        share = xp.minimum(left / (total - turn), 1.0)
        return xp.where(step < turn, rise, self._between(self.end, self.peak, share, xp))

    @property
    def height(self) -> float:
        """The number at the turn."""
        return self.peak

    def _between(self, a: float, b: float, t: Tensor, xp: ModuleType) -> Tensor:
        if self.anneal == "cos":
            t = (1.0 - xp.cos(math.pi * t)) / 2
        return a * (1.0 - t) + b * t

    def _length(self) -> Any:
        return self.total_steps


@register
class OneCycle(_Cycle):
    """The 1cycle policy: up to a large learning rate, then down to almost nothing.

        learning_rate(t) = m/d     -> m            in the first pct_start * total_steps steps
        learning_rate(t) = m       -> m/(d f)      in the others

    with m = `max_learning_rate`, d = `div_factor`, f = `final_div_factor`. An arrow is half a
    cosine or a straight line. `.momentum()` is the mirrored cycle that goes with it.

    Args:
        max_learning_rate: float > 0. Learning rate at the turn.
        total_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Length of the
            cycle. Defaults to `"100%"`, the whole training.
        pct_start: float in [0, 1]. Share of the steps that rise. Defaults to `0.3`.
        div_factor: float > 0. Defaults to `25.0`.
        final_div_factor: float > 0. Defaults to `1e4`.
        anneal: `"cos"` or `"linear"`. Defaults to `"cos"`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: Keras 3 has no such class. `torch.optim.lr_scheduler.OneCycleLR`, whose
    constants these are, reaches the end one step earlier, at its last step.

    Example:
        >>> from keras_trainkit.schedules import OneCycle
        >>> schedule = OneCycle(0.1, total_steps=100, div_factor=10)
        >>> [round(schedule(step), 4) for step in (0, 15, 30, 65, 100)]
        [0.01, 0.055, 0.1, 0.05, 0.0]

    Reference: Smith, L. N. & Topin, N. (2018), Super-convergence, arXiv:1708.07120, section 4.
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: Duration = "100%",
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        anneal: str = "cos",
        name: str | None = None,
    ) -> None:
        """Check and keep the constants."""
        super().__init__(total_steps, pct_start, anneal, name)
        self.max_learning_rate = _validation.positive("max_learning_rate", max_learning_rate)
        self.div_factor = _validation.positive("div_factor", div_factor)
        self.final_div_factor = _validation.positive("final_div_factor", final_div_factor)
        self.start = self.max_learning_rate / self.div_factor
        self.peak = self.max_learning_rate
        self.end = self.start / self.final_div_factor

    def momentum(self, low: float = 0.85, high: float = 0.95) -> "OneCycleMomentum":
        """Return the momentum that falls while this learning rate rises, and rises while it falls.

        For `LearningRate(schedule, also={"momentum": schedule.momentum()})`.
        """
        return OneCycleMomentum(low, high, self.total_steps, self.pct_start, self.anneal)


@register
class OneCycleMomentum(_Cycle):
    """The momentum of the 1cycle policy: small where the learning rate is large.

        momentum(t) = high -> low       in the first pct_start * total_steps steps
        momentum(t) = low  -> high      in the others

    Args:
        low: float in [0, 1). Momentum at the turn. Defaults to `0.85`.
        high: float in [0, 1). Momentum at both ends. Defaults to `0.95`.
        total_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Length of the
            cycle. Defaults to `"100%"`, the whole training.
        pct_start: float in [0, 1]. Share of the steps that fall. Defaults to `0.3`.
        anneal: `"cos"` or `"linear"`. Defaults to `"cos"`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import OneCycleMomentum
        >>> schedule = OneCycleMomentum(total_steps=100)
        >>> [round(schedule(step), 4) for step in (0, 15, 30, 65, 100)]
        [0.95, 0.9, 0.85, 0.9, 0.95]

    Reference: Smith, L. N. & Topin, N. (2018), Super-convergence, arXiv:1708.07120, section 4.
    """

    quantity = "momentum"

    def __init__(
        self,
        low: float = 0.85,
        high: float = 0.95,
        total_steps: Duration = "100%",
        pct_start: float = 0.3,
        anneal: str = "cos",
        name: str | None = None,
    ) -> None:
        """Check and keep the constants."""
        super().__init__(total_steps, pct_start, anneal, name)
        self.low = _validation.real("low", low, low=0.0, high=1.0, high_open=True)
        self.high = _validation.real("high", high, low=0.0, high=1.0, high_open=True)
        self.start, self.peak, self.end = self.high, self.low, self.high
