"""Schedules of the large language models, each with a warm-up of its own."""

import math
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import ROUNDING, Duration, Span, duration, in_steps

KINDS = ("linear", "cosine", "sqrt")


@register
class WarmupStableDecay(Schedule):
    """A rise, a long plateau and a short fall.

        learning_rate(t) = p * t / w                              for t < w
        learning_rate(t) = p                                      for w <= t < n - d
        learning_rate(t) = end + (p - end) * fall(s)              for t >= n - d
        s = min((t - (n - d)) / d, 1)
        fall(s) = 1 - s (linear),   (1 + cos(pi s)) / 2 (cosine),   1 - sqrt(s) (sqrt)

    with p = `learning_rate`, n = `total_steps`, w = `warmup_steps`, d = `decay_steps`, and
    end = `alpha` * p. The height of the plateau does not depend on `total_steps`: a training can be
    made longer from there.

    Args:
        learning_rate: float > 0. The plateau.
        total_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Defaults to
            `"100%"`, the whole training.
        warmup_steps: number >= 0 of steps, or such a text, with percent of `total_steps`.
            Defaults to `"5%"`.
        decay_steps: number > 0 of steps, or such a text, with percent of `total_steps`. Defaults
            to `"20%"`.
        kind: `"linear"`, `"cosine"` or `"sqrt"`. How it falls. Defaults to `"linear"`.
        alpha: float in [0, 1]. The end, as a share of the plateau. Defaults to `0.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval, or if warm-up and decay are longer than
            the whole.

    Example:
        >>> from keras_trainkit.schedules import WarmupStableDecay
        >>> schedule = WarmupStableDecay(0.1, 100, warmup_steps=10, decay_steps=20)
        >>> [round(schedule(step), 4) for step in (0, 5, 10, 80, 90, 100)]
        [0.0, 0.05, 0.1, 0.1, 0.05, 0.0]

    Reference: Hu, S. et al. (2024), MiniCPM, arXiv:2404.06395, section 4.2; `sqrt`: Haegele, A. et
    al. (2024), Scaling laws and compute-optimal training beyond fixed training durations,
    arXiv:2405.18392, section 3.
    """

    durations: ClassVar[tuple[str, ...]] = ("total_steps", "warmup_steps", "decay_steps")

    def __init__(
        self,
        learning_rate: float,
        total_steps: Duration = "100%",
        warmup_steps: Duration = "5%",
        decay_steps: Duration = "20%",
        kind: str = "linear",
        alpha: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the constants."""
        super().__init__(name)
        self.learning_rate = _validation.positive("learning_rate", learning_rate)
        self.total_steps = duration("total_steps", total_steps)
        self.warmup_steps = duration("warmup_steps", warmup_steps, zero=True)
        self.decay_steps = duration("decay_steps", decay_steps)
        self.kind = _validation.one_of("kind", kind, KINDS)
        self.alpha = _validation.real("alpha", alpha, low=0.0, high=1.0)
        if not isinstance(self.total_steps, str):
            self._settle_parts(self.total_steps)

    def _settle_parts(self, total: float) -> None:
        """Take percents of the total, and see whether both parts fit into it."""
        for name in ("warmup_steps", "decay_steps"):
            if str(getattr(self, name)).rstrip().endswith("%"):
                setattr(self, name, in_steps(name, getattr(self, name), Span(steps=total)))
        parts = [p for p in (self.warmup_steps, self.decay_steps) if not isinstance(p, str)]
        if sum(parts) > total * (1 + ROUNDING):
            raise _validation.invalid(
                "total_steps", f"at least that of warm-up and decay, {sum(parts)}", total
            )

    def within(self, span: Span) -> Schedule:
        """Return the same with every duration in steps."""
        total = in_steps("total_steps", self.total_steps, span)
        own = span.lasting(total)
        parts = {name: in_steps(name, getattr(self, name), own) for name in self.durations[1:]}
        return type(self)(**self.arguments() | {"total_steps": total} | parts)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        n: Any = self.total_steps
        w: Any = self.warmup_steps
        d: Any = self.decay_steps
        rise = xp.array(xp.minimum(step, w), dtype) / (w or 1)
        left = xp.array(xp.minimum(xp.maximum(xp.subtract(step, n - d), 0), d), dtype) / d
        fall = self.alpha + (1.0 - self.alpha) * self._fall(left, xp)
        return self.learning_rate * xp.where(xp.less(step, w), rise, fall)

    @property
    def height(self) -> float:
        """The plateau."""
        return self.learning_rate

    def _fall(self, s: Tensor, xp: ModuleType) -> Tensor:
        if self.kind == "cosine":
            return (1.0 + xp.cos(math.pi * s)) / 2
        return 1.0 - (xp.sqrt(s) if self.kind == "sqrt" else s)

    def _length(self) -> Any:
        return self.total_steps


@register
class NoamDecay(Schedule):
    """A linear rise, then decay with the inverse of the square root of time.

        learning_rate(n) = factor * d_model^-0.5 * min(n^-0.5, n * warmup_steps^-1.5)
        n = 1 + step

    Args:
        d_model: int >= 1. Width of the model.
        warmup_steps: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`. Defaults to
            `4000`.
        factor: float > 0. Defaults to `1.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import NoamDecay
        >>> schedule = NoamDecay(d_model=100, warmup_steps=100)
        >>> [round(schedule(step), 5) for step in (0, 49, 99, 399)]
        [0.0001, 0.005, 0.01, 0.005]

    Reference: Vaswani, A. et al. (2017), Attention is all you need, arXiv:1706.03762, equation 3.
    """

    durations: ClassVar[tuple[str, ...]] = ("warmup_steps",)

    def __init__(
        self,
        d_model: int,
        warmup_steps: Duration = 4000,
        factor: float = 1.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the constants."""
        super().__init__(name)
        self.d_model = _validation.integer("d_model", d_model, low=1)
        self.warmup_steps = duration("warmup_steps", warmup_steps)
        self.factor = _validation.positive("factor", factor)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the learning rate at `step`."""
        warm: Any = self.warmup_steps
        n = 1.0 + xp.array(step, dtype)
        return self.factor * self.d_model**-0.5 * xp.minimum(1.0 / xp.sqrt(n), n * warm**-1.5)

    @property
    def height(self) -> float:
        """The number at the end of the rise."""
        self.require_steps()
        return float(self.at(max(float(self.warmup_steps) - 1, 0), np, "float64"))
