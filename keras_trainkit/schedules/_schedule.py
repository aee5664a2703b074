"""What every schedule shares: evaluation, units of time, and ways to join it with others."""

import abc
import inspect
import numbers
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._time import Duration, Span, in_steps, training

if TYPE_CHECKING:
    # Keras is not typed: a base of no known type would make `0.5 * schedule` a float.
    class LearningRateSchedule:
        """What every schedule of Keras is."""
else:
    LearningRateSchedule = keras.optimizers.schedules.LearningRateSchedule


class Schedule(LearningRateSchedule, abc.ABC):
    """A number as a function of the step, in closed form.

    Subclasses keep the constructor's arguments as attributes, name those that are durations, and
    say what the number is `at` a step.

    Call arguments:
        step: int, NumPy array or integer tensor. Steps before this one, from 0; epochs, where
            `keras.callbacks.LearningRateScheduler` calls.
        learning_rate: not used; `keras.callbacks.LearningRateScheduler` passes the present value.

    Differs from Keras: Keras 3 has no class of the same name, unless a subclass says what differs.
    """

    durations: ClassVar[tuple[str, ...]] = ()
    quantity: str = "learning rate"

    def __init__(self, name: str | None = None) -> None:
        """Keep the name scope of the operations, by default the class's name."""
        super().__init__()
        self.name = name or type(self).__name__

    @abc.abstractmethod
    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return the number at `step`.

        `xp` is the array module that `step` belongs to, `numpy` or `keras.ops`; `dtype` the float
        type to compute in.
        """

    @property
    def height(self) -> float:
        """The number that it falls from, or rises to: what one calls its learning rate."""
        return self(0)

    @property
    def length(self) -> Any:
        """Steps after which the number stays what it is, None if it never does."""
        self.require_steps()
        return self._length()

    def _length(self) -> Any:
        return None

    @property
    def ends(self) -> bool:
        """Whether the number stays what it is after some step, known before `length` is."""
        return self._length() is not None

    def __call__(self, step: Tensor, learning_rate: Any = None) -> Tensor:
        """Return the number at `step`, counted from 0.

        A Python number gives a Python float, a NumPy array an array, both in float64; a tensor
        gives a tensor of Keras's `floatx`. `learning_rate` is not used.
        """
        self.require_steps()
        # Differences of steps are negative and large, which a small or unsigned type cannot hold.
        if isinstance(step, np.ndarray):
            step = step.astype("int64") if step.dtype.kind in "iu" else step
            return self.at(step, np, "float64")
        if isinstance(step, numbers.Integral):
            step = int(step)
        if isinstance(step, numbers.Real):
            return float(self.at(step, np, "float64"))
        with keras.name_scope(self.name):
            return self.at(step, keras.ops, keras.config.floatx())

    def require_steps(self) -> None:
        """Raise if a duration is not in steps yet."""
        for name in self.durations:
            in_steps(name, getattr(self, name), Span())

    def bind(self, steps_per_epoch: float, epochs: float | None = None) -> "Schedule":
        """Return this schedule with every duration in steps.

        Args:
            steps_per_epoch: number > 0. Optimizer steps in an epoch: batches, divided by
                `gradient_accumulation_steps`.
            epochs: number > 0. Epochs of the training; only durations in percent need it.
        """
        steps_per_epoch = _validation.positive("steps_per_epoch", steps_per_epoch)
        return self.within(training(steps_per_epoch, epochs))

    def within(self, span: Span) -> "Schedule":
        """Return this schedule with every duration in steps of a training that lasts `span`."""
        bound = {name: in_steps(name, getattr(self, name), span) for name in self.durations}
        return type(self)(**self.arguments() | bound)

    def arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments, which are attributes of the same names."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, schedules among them serialized."""
        serialize = keras.optimizers.schedules.serialize
        return {
            name: serialize(value) if isinstance(value, LearningRateSchedule) else value
            for name, value in self.arguments().items()
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Schedule":
        """Return the schedule that `get_config` described."""
        deserialize = keras.optimizers.schedules.deserialize
        return cls(
            **{
                name: deserialize(value, custom_objects) if isinstance(value, dict) else value
                for name, value in config.items()
            }
        )

    def __repr__(self) -> str:
        """Return the code that makes it."""
        return self.call(type(self).__name__)

    def call(self, function: str, *left_out: str) -> str:
        """Return a call with the constructor's arguments, those at their defaults left out."""
        given = {}
        for name, parameter in inspect.signature(type(self)).parameters.items():
            default = type(self).__name__ if name == "name" else parameter.default
            value = getattr(self, name)
            if name not in left_out and (type(value), value) != (type(default), default):
                required = parameter.default is parameter.empty
                given[name] = f"{value!r}" if required else f"{name}={value!r}"
        return f"{function}({', '.join(given.values())})"

    # What these return are schedules themselves: their file imports this one, which has to wait.

    def warmup(
        self, warmup_steps: Duration, kind: str = "linear", start: float = 0.0
    ) -> "Schedule":
        """Return a schedule that rises to this one's beginning, then follows it: see `Warmup`."""
        from keras_trainkit.schedules.combined import Warmup

        return Warmup(self, warmup_steps, kind, start)

    def then(self, other: "Schedule", after: Duration | None = None) -> "Schedule":
        """Return a schedule that follows this one, and then `other`: see `Then`."""
        from keras_trainkit.schedules.combined import Then

        return Then(self, other, after)

    def hold(self, hold_steps: Duration) -> "Schedule":
        """Return a schedule that begins this one late: see `Hold`."""
        from keras_trainkit.schedules.combined import Hold

        return Hold(self, hold_steps)

    def __mul__(self, factor: float) -> "Schedule":
        """Return this schedule times a number: see `Scaled`."""
        from keras_trainkit.schedules.combined import Scaled

        return Scaled(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Schedule":
        """Return this schedule divided by a number: see `Scaled`."""
        return self * (1 / _validation.positive("divisor", divisor))

    def _not_joined(self, *other: Any) -> NoReturn:
        raise TypeError(
            "A schedule is multiplied or divided by a number > 0, and joined with others by "
            f"`warmup`, `hold` and `then`. Received: {', '.join(map(repr, (self, *other)))}"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __neg__ = __pow__ = __rpow__ = _not_joined
    __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _not_joined
    # Else an array of NumPy would multiply with each of its numbers.
    __array_ufunc__ = None
