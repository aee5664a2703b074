"""Schedules made of others: a warm-up in front, a late beginning, one after the other, a factor.

Durations of an inner schedule count from where it begins, and its percentages refer to the part of
training that it covers: in `CosineDecay(0.1, "100%").warmup("5 epochs")` the cosine lasts from the
end of the warm-up to the end of the training.
"""

import math
from types import ModuleType
from typing import Any, ClassVar

from keras_trainkit import _validation
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import (
    Duration,
    Span,
    completed,
    duration,
    in_steps,
    since,
    whole,
)
from keras_trainkit.schedules.of_keras import checked_schedule

KINDS = ("linear", "cosine", "exponential")


class Wrapped(Schedule):
    """A schedule around an inner one."""

    def __init__(self, schedule: Schedule, name: str | None = None) -> None:
        super().__init__(name)
        self.schedule = checked_schedule("schedule", schedule)
        self.quantity = self.schedule.quantity

    def require_steps(self) -> None:
        """Raise if a duration here or inside is not in steps yet."""
        super().require_steps()
        self.schedule.require_steps()

    def within(self, span: Span) -> Schedule:
        """Return the same with every duration in steps."""
        bound = {name: in_steps(name, getattr(self, name), span) for name in self.durations}
        inner = self.schedule.within(span.after(sum(bound.values())))
        return type(self)(**self.arguments() | bound | {"schedule": inner})

    def __repr__(self) -> str:
        """Return the code that makes it: a method of the inner schedule, but for a new name."""
        if self.name != type(self).__name__:
            return super().__repr__()
        return self.call(f"{self.schedule!r}.{type(self).__name__.lower()}", "schedule")

    @property
    def height(self) -> float:
        """That of the inner schedule."""
        return self.schedule.height

    @property
    def ends(self) -> bool:
        """Whether the inner schedule has an end."""
        return self.schedule.ends

    def _length(self) -> Any:
        inner = self.schedule._length()
        own = sum(getattr(self, name) for name in self.durations)
        return None if inner is None else whole(own + inner)


@register
class Warmup(Wrapped):
    """A rise to the beginning of a schedule, and then that schedule.

        linear       value(t) = v0 * (start + (1 - start) * t / n)                    for t < n
        cosine       value(t) = v0 * (start + (1 - start) * (1 - cos(pi t / n)) / 2)
        exponential  value(t) = v0 * start^(1 - t / n)
        any          value(t) = schedule(t - n)                                       for t >= n

    with n = `warmup_steps` and v0 = `schedule(0)`.

    Args:
        schedule: a schedule, of this package or of Keras.
        warmup_steps: number >= 0 of steps, or a text like `"5 epochs"` or `"10%"`. Length of the
            rise.
        kind: `"linear"`, `"cosine"` or `"exponential"`. Defaults to `"linear"`.
        start: float in [0, 1). Share of v0 at step 0; above 0 for `"exponential"`. Defaults to
            `0.0`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Differs from Keras: there only `CosineDecay` warms up, and only linearly.

    Example:
        >>> from keras_trainkit.schedules import CosineDecay
        >>> schedule = CosineDecay(0.1, decay_steps=100).warmup(10)
        >>> [round(schedule(step), 4) for step in (0, 5, 10, 60, 110)]
        [0.0, 0.05, 0.1, 0.05, 0.0]

    Reference: Goyal, P. et al. (2017), Accurate, large minibatch SGD, arXiv:1706.02677,
    section 2.2.
    """

    durations: ClassVar[tuple[str, ...]] = ("warmup_steps",)

    def __init__(
        self,
        schedule: Schedule,
        warmup_steps: Duration,
        kind: str = "linear",
        start: float = 0.0,
        name: str | None = None,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__(schedule, name)
        self.warmup_steps = duration("warmup_steps", warmup_steps, zero=True)
        self.kind = _validation.one_of("kind", kind, KINDS)
        self.start = _validation.real("start", start, low=0.0, high=1.0, high_open=True)
        if kind == "exponential" and self.start == 0:
            raise _validation.invalid("start", "above 0 for an exponential warm-up", start)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the rising value, or that of the schedule."""
        n: Any = self.warmup_steps
        if not n:
            return self.schedule.at(step, xp, dtype)
        later = self.schedule.at(since(step, n, xp), xp, dtype)
        rise = xp.array(xp.minimum(step, n), dtype) / n
        first = self.schedule.at(xp.zeros(xp.shape(step), "int32"), xp, dtype)
        return xp.where(xp.less(step, n), first * self._share(rise, xp), later)

    def _share(self, rise: Tensor, xp: ModuleType) -> Tensor:
        if self.kind == "exponential":
            return xp.exp(math.log(self.start) * (1.0 - rise))
        if self.kind == "cosine":
            rise = (1.0 - xp.cos(math.pi * rise)) / 2
        return self.start + (1.0 - self.start) * rise


@register
class Hold(Wrapped):
    """A schedule that begins late.

        value(t) = schedule(max(t - n, 0)),   n = hold_steps

    Args:
        schedule: a schedule, of this package or of Keras.
        hold_steps: number >= 0 of steps, or a text like `"5 epochs"` or `"10%"`. How long the
            beginning is held.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import ExponentialDecay
        >>> schedule = ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5).hold(20)
        >>> [schedule(step) for step in (0, 20, 30)]
        [0.1, 0.1, 0.05]

    Reference: the schedule's own.
    """

    durations: ClassVar[tuple[str, ...]] = ("hold_steps",)

    def __init__(self, schedule: Schedule, hold_steps: Duration, name: str | None = None) -> None:
        """Check and keep the arguments."""
        super().__init__(schedule, name)
        self.hold_steps = duration("hold_steps", hold_steps, zero=True)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return what the schedule was `hold_steps` ago."""
        n: Any = self.hold_steps
        return self.schedule.at(since(step, n, xp), xp, dtype)


@register
class Scaled(Wrapped):
    """A schedule times a number.

        value(t) = factor * schedule(t)

    Args:
        schedule: a schedule, of this package or of Keras.
        factor: float > 0.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval.

    Example:
        >>> from keras_trainkit.schedules import ExponentialDecay
        >>> schedule = 0.5 * ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)
        >>> [schedule(step) for step in (0, 10)]
        [0.05, 0.025]

    Reference: the schedule's own.
    """

    def __init__(self, schedule: Schedule, factor: float, name: str | None = None) -> None:
        """Check and keep the arguments."""
        super().__init__(schedule, name)
        self.factor = _validation.positive("factor", factor)

    def __repr__(self) -> str:
        """Return the product as it is written."""
        named = self.name != type(self).__name__
        return super().__repr__() if named else f"({self.factor!r} * {self.schedule!r})"

    @property
    def height(self) -> float:
        """A multiple as well."""
        return self.factor * self.schedule.height

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the multiple."""
        return self.factor * self.schedule.at(step, xp, dtype)


@register
class Then(Schedule):
    """One schedule after another.

        value(t) = first(t)            for t < n
        value(t) = second(t - n)       for t >= n,   n = after

    Args:
        first: a schedule, of this package or of Keras.
        second: a schedule, of this package or of Keras.
        after: number > 0 of steps, or a text like `"5 epochs"` or `"10%"`, or `None`, which is
            where the first one ends. Defaults to `None`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if an argument is outside its interval, or if `after` is `None` and the first
            schedule has no end.

    Example:
        >>> from keras_trainkit.schedules import ConstantLearningRate
        >>> schedule = ConstantLearningRate(0.1).then(ConstantLearningRate(0.01), after=30)
        >>> [schedule(step) for step in (0, 29, 30)]
        [0.1, 0.1, 0.01]

    Reference: the schedules' own.
    """

    def __init__(
        self,
        first: Schedule,
        second: Schedule,
        after: Duration | None = None,
        name: str | None = None,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__(name)
        self.first = checked_schedule("first", first)
        self.quantity = self.first.quantity
        self.second = checked_schedule("second", second)
        self.after = after if after is None else duration("after", after)
        if after is None and not self.first.ends:
            raise _validation.invalid("after", f"given, as {self.first.name} has no end", after)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the value of the one whose turn it is."""
        n: Any = self._joint()
        first = self.first.at(xp.minimum(step, n), xp, dtype)
        second = self.second.at(since(step, n, xp), xp, dtype)
        return xp.where(xp.less(completed(step, n, xp, dtype), 1), first, second)

    def __repr__(self) -> str:
        """Return the code that makes it: a method of the first schedule, but for a new name."""
        named = self.name != type(self).__name__
        return super().__repr__() if named else self.call(f"{self.first!r}.then", "first")

    def _joint(self) -> Any:
        return self.first._length() if self.after is None else self.after

    @property
    def height(self) -> float:
        """That of the higher one."""
        return max(self.first.height, self.second.height)

    @property
    def ends(self) -> bool:
        """Whether it has an end."""
        return self.second.ends

    def _length(self) -> Any:
        second = self.second._length()
        return None if second is None else whole(self._joint() + second)

    def require_steps(self) -> None:
        """Raise if a duration here or inside is not in steps yet."""
        if self.after is not None:
            in_steps("after", self.after, Span())
        self.first.require_steps()
        self.second.require_steps()

    def within(self, span: Span) -> Schedule:
        """Return the same with every duration in steps."""
        after = None if self.after is None else in_steps("after", self.after, span)
        first = self.first.within(span if after is None else span.lasting(after))
        joint: Any = first.length if after is None else after
        return Then(first, self.second.within(span.after(joint)), after, self.name)
