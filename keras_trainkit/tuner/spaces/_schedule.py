"""Search space of a learning-rate schedule."""

from collections.abc import Callable
from functools import partial
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit import _validation, schedules
from keras_trainkit.schedules._schedule import Schedule as Curve
from keras_trainkit.schedules._time import Duration, duration, whole
from keras_trainkit.tuner.spaces._dimension import RUNTIME, dimension
from keras_trainkit.tuner.spaces._space import Space, register_space

CONSTANT = "constant"


def third(time: Duration) -> Duration:
    """Return a third of a duration, in its unit."""
    if not isinstance(time, str):
        return whole(time / 3)
    number = time.rstrip("% epochs")
    return f"{float(number) / 3:f}{time.removeprefix(number)}"


# Each halves `rate` at `half_life`.
DECAYS: dict[str, Callable[[float, Any], Curve]] = {
    "exponential": lambda rate, half_life: schedules.ExponentialDecay(rate, half_life, 0.5),
    "inverse_time": lambda rate, half_life: schedules.InverseTimeDecay(rate, half_life, 1.0),
    "inverse_sqrt": lambda rate, half_life: schedules.InverseSqrtDecay(rate, third(half_life), 1.0),
}
ONE_CYCLE = "one_cycle"
# Each ends at `length`.
ENDING: dict[str, Callable[[float, Any], Curve]] = {
    "cosine": schedules.CosineDecay,
    ONE_CYCLE: schedules.OneCycle,
}
NAMES = (CONSTANT, *DECAYS, *ENDING)


@register_space
class Schedule(Space):
    """Learning-rate schedule: constant, a decay with a half-life, or one that ends.

        exponential    learning_rate * 2^(-t / half_life)
        inverse_time   learning_rate / (1 + t / half_life)
        inverse_sqrt   learning_rate / sqrt(1 + 3 t / half_life)
        cosine         learning_rate (1 + cos(pi t / length)) / 2
        one_cycle      from learning_rate / 25 up to it, and down to nothing; see
                       `schedules.OneCycle`

    One number with one meaning fits every decay: the time until the learning rate has halved. The
    exponential curve is also lr0 exp(-k t), k = ln 2 / half_life. A `warmup` lets any of them but
    `one_cycle` rise from 0 first.

    A time t is counted in steps of the optimizer. The durations are numbers of steps, or texts like
    `"2 epochs"` and `"10%"` of the training. `HyperMLP` translates texts when it trains; for any
    other model `spaces.Optimizer` is told `steps_per_epoch` and `epochs`.

    Args:
        choices: str, `"constant"` or a name from the list above; `False` means `"constant"`.
            Defaults to `("constant", "exponential", "inverse_time", "inverse_sqrt")`, which do
            not need to know how long a training lasts.
        half_life: duration until the learning rate has halved. A range of steps is sampled on a
            logarithmic scale; texts are a choice. Defaults to the range `(100, 10_000)`.
        length: duration of `"cosine"` and `"one_cycle"`. Defaults to `"100%"`.
        warmup: duration of the rise; `False` for none. Defaults to `False`.
        prefix: See `Space`.

    Example:
        >>> from keras_tuner import HyperParameters
        >>> from keras_trainkit.tuner import spaces
        >>> space = spaces.Schedule("inverse_sqrt", half_life=300)
        >>> schedule = space.build(HyperParameters(), learning_rate=0.1)
        >>> [round(schedule(step), 4) for step in (0, 300, 1500)]
        [0.1, 0.05, 0.025]
        >>> spaces.Schedule("cosine", warmup="2 epochs").build(HyperParameters(), 0.1)
        CosineDecay(0.1, '100%').warmup('2 epochs')
    """

    def __init__(
        self,
        choices: Any = None,
        half_life: Any = None,
        length: Any = None,
        warmup: Any = None,
        *,
        prefix: str = "",
    ) -> None:
        super().__init__(prefix)
        known = partial(_validation.one_of, choices=NAMES)
        self.name = dimension("schedule", choices, known, default=(CONSTANT, *DECAYS), off=CONSTANT)
        time = partial(dimension, check=duration, kind=RUNTIME, log=True)
        self.half_life = time("half_life", half_life, default=(100, 10_000))
        self.length = time("length", length, default="100%")
        self.warmup = time("warmup", warmup, default=False, off=None)

    def declare(self, hp: HyperParameters) -> dict[str, Any]:
        """Register name and durations; return their values, those that count for nothing `None`."""
        with self._scope(hp):
            return {
                "schedule": self.name.declare(hp),
                "half_life": self.half_life.declare_when(hp, self.name, DECAYS),
                "length": self.length.declare_when(hp, self.name, ENDING),
                "warmup": self.warmup.declare_when(hp, self.name, {*NAMES} - {ONE_CYCLE}),
            }

    def build(self, hp: HyperParameters, learning_rate: float) -> float | Curve:
        """Return the learning rate itself, or a new schedule that starts from it, or rises to it.

        Args:
            hp: `keras_tuner.HyperParameters`.
            learning_rate: float > 0.
        """
        values = self.declare(hp)
        name, warmup = values["schedule"], values["warmup"]
        if name == CONSTANT and warmup is None:
            return learning_rate
        made: Curve
        if name in DECAYS:
            made = DECAYS[name](learning_rate, values["half_life"])
        elif name in ENDING:
            made = ENDING[name](learning_rate, values["length"])
        else:
            made = schedules.ConstantLearningRate(learning_rate)
        return made if warmup is None else made.warmup(warmup)


def schedule(
    hp: HyperParameters, learning_rate: float, *arguments: Any, **options: Any
) -> float | Curve:
    """Return what `Schedule(*arguments, **options)` builds for a learning rate."""
    return Schedule(*arguments, **options).build(hp, learning_rate)
