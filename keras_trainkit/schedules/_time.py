"""Time: durations in steps, epochs or percent, and the period that holds a step.

1000, "1000 steps"    optimizer steps
"5 epochs"            passes over the data
"10%"                 share of the steps that the training has

An epoch of ten batches in three parts is 3.33 steps, which no float is exactly: where a duration or
a period ends on a step but for rounding, it ends there.
"""

import math
import numbers
import re
from dataclasses import dataclass, replace
from types import ModuleType

from keras_trainkit import _validation
from keras_trainkit._tensors import Tensor

Duration = float | str

# Share by which a time in float64 may be off after a few operations: thousands of times what one
# operation rounds, and yet a whole step only after 10**12 of them.
ROUNDING = 1e-12

_TEXT = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(steps?|epochs?|%)\s*")
_FORMS = 'a number of steps {} 0, or a text like "5 epochs" or "10%"'
_TOO_SHORT = "at least one step long{}"
_ADVICE = (
    "give the schedule to `callbacks.LearningRate`, with `steps_per_epoch` in `fit` if the data "
    "has no length, or call `schedule.bind` with {needed}"
)


@dataclass(frozen=True)
class Span:
    """What durations are measured by.

    Args:
        steps_per_epoch: float > 0 or None. Optimizer steps in an epoch, if known.
        steps: float >= 0 or None. Optimizer steps of the whole, if known.
        advice: str. What to do where it is not known, `{needed}` being what is missing.
    """

    steps_per_epoch: float | None = None
    steps: float | None = None
    advice: str = _ADVICE

    def lasting(self, steps: float | None) -> "Span":
        """Return a part of it, of so many steps."""
        return replace(self, steps=steps)

    def after(self, steps: float) -> "Span":
        """Return what is left when `steps` have passed."""
        return self.lasting(None if self.steps is None else max(self.steps - steps, 0))


def training(steps_per_epoch: float | None, epochs: float | None, advice: str = _ADVICE) -> Span:
    """Return the span of a training, as far as it is told."""
    steps = None
    if steps_per_epoch is not None:
        steps_per_epoch = _validation.positive("steps_per_epoch", steps_per_epoch)
        if epochs is not None:
            steps = steps_per_epoch * _validation.positive("epochs", epochs)
    return Span(steps_per_epoch, steps, advice)


def duration(name: str, value: Duration, zero: bool = False) -> Duration:
    """Return a duration that can be read, a number of steps as a number, or raise."""
    forms = _FORMS.format(">=" if zero else ">")
    number: object = value
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None:
            raise _validation.invalid(name, forms, value)
        number = float(match[1])
        if match[2] in ("epoch", "epochs", "%") and number:
            return value
    elif getattr(value, "shape", None) == ():
        number = value.item()  # type: ignore[attr-defined]  # An array or a tensor of one number.
    try:
        steps = (
            _validation.real(name, number, low=0.0) if zero else _validation.positive(name, number)
        )
    except ValueError:
        raise _validation.invalid(name, forms, value) from None
    if 0 < steps < 1 or (steps == 1 and not isinstance(value, str | numbers.Integral)):
        # One step as a float is the whole, as others write it, more often than one step.
        meant = "" if isinstance(value, str) else f" (did you mean '{100 * steps:g}%'?)"
        raise _validation.invalid(name, _TOO_SHORT.format(meant), value)
    return whole(steps)


def whole(number: float) -> float:
    """Return an int where the number is one but for rounding: no type rounds what it divides.

    Ten batches in three parts are 3.33 steps, and three epochs of them 10.
    """
    near = round(number)
    return near if math.isclose(number, near, rel_tol=ROUNDING) else float(number)


def in_steps(name: str, value: Duration, span: Span) -> float:
    """Return a checked duration as a number of steps, or raise if the span does not tell it."""
    if not isinstance(value, str):
        return value
    match = _TEXT.fullmatch(value)
    assert match is not None  # `duration` has checked it.
    percent = match[2] == "%"
    unit = span.steps if percent else span.steps_per_epoch
    if unit is None:
        needed = "`steps_per_epoch` and `epochs`" if percent else "`steps_per_epoch`"
        advice = span.advice.format(needed=needed)
        raise _validation.invalid(
            name, f"in steps where the length of the training is unknown: {advice}", value
        )
    if percent and not unit:
        raise ValueError(
            f"`{name}` must have steps of the training left: what comes before lasts as long. "
            f"Received: {name}={value!r}"
        )
    # A hundredth is taken last, so that whole percents of round numbers stay whole.
    steps = whole(float(match[1]) * unit / (100 if percent else 1))
    if steps < 1:
        here = f", and this training makes it {steps:.3g}"
        raise _validation.invalid(name, _TOO_SHORT.format(here), value)
    return steps


def is_whole(step: Tensor) -> bool:
    """Return whether a number, an array or a tensor counts in an integer type."""
    return "int" in str(getattr(step, "dtype", type(step)))


def rounding(dtype: str) -> float:
    """Return the share by which a time in `dtype` may be off after a few operations."""
    # Of the smaller types float32 is the finest, which rounds by up to 6e-8.
    return ROUNDING if dtype == "float64" else 5e-7


def completed(step: Tensor, length: float, xp: ModuleType, dtype: str) -> Tensor:
    """Return how many periods of `length` steps are over at `step`."""
    if isinstance(length, int) and is_whole(step):
        return xp.floor_divide(step, length)
    periods = xp.array(step, dtype) / length
    return xp.floor(periods + rounding(dtype) * xp.abs(periods))


def since(step: Tensor, length: float, xp: ModuleType, times: Tensor = 1) -> Tensor:
    """Return the steps that have passed since `times` periods were over, or 0 before that.

    Whole steps are subtracted first, as no type rounds them.
    """
    floor = math.floor(length)
    passed = xp.subtract(step, xp.multiply(times, floor))
    if length != floor:
        passed = xp.subtract(passed, xp.multiply(times, length - floor))
    return xp.maximum(passed, 0)


def period(step: Tensor, length: float, xp: ModuleType, dtype: str) -> tuple[Tensor, Tensor]:
    """Return which period of `length` steps holds the step, and which share of it has passed."""
    before = completed(step, length, xp, dtype)
    share = xp.array(since(step, length, xp, before), dtype) / length
    return before, xp.minimum(share, 1.0)
