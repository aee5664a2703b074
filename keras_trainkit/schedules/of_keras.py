"""A schedule of Keras, to be joined with those of this package."""

from types import ModuleType
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._backend import compiled
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor
from keras_trainkit.schedules._schedule import LearningRateSchedule, Schedule


@register
class KerasSchedule(Schedule):
    """A schedule of Keras as one of this package.

        value(t) = schedule(t)

    `Warmup`, `Hold`, `Scaled`, `Then` and `.then` take Keras's schedules as they are. This gives
    them the methods and the arithmetic as well. It is as exact as they are: computed in `floatx`.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`.
        name: str or `None`. Name scope of the operations. Defaults to the class's name.

    Raises:
        ValueError: if `schedule` is no schedule of Keras, or already one of this package.

    Example:
        >>> import keras
        >>> from keras_trainkit.schedules import KerasSchedule
        >>> cosine = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=100)
        >>> schedule = KerasSchedule(cosine).warmup(10)
        >>> [round(schedule(step), 4) for step in (0, 5, 10, 60, 110)]
        [0.0, 0.05, 0.1, 0.05, 0.0]

    Reference: the schedule's own.
    """

    def __init__(self, schedule: Any, name: str | None = None) -> None:
        """Check and keep the schedule."""
        super().__init__(name)
        if isinstance(schedule, Schedule) or not isinstance(schedule, LearningRateSchedule):
            raise _validation.invalid("schedule", "a schedule of Keras", schedule)
        self.schedule: Any = schedule

    @property
    def height(self) -> float:
        """The number that it begins with, or rises to."""
        return max(self(0), getattr(self.schedule, "warmup_target", None) or 0.0)

    def at(self, step: Tensor, xp: ModuleType, dtype: str) -> Tensor:
        """Return what the schedule gives."""
        if xp is not np:
            return keras.ops.cast(self.schedule(step), dtype)
        # Some of Keras's choose between branches, which takes one step at a time; uncompiled,
        # that is some 40 ms for each on JAX.
        several = np.size(step) > 1
        value = compiled(lambda one: self.schedule(one)) if several else self.schedule
        steps = map(keras.ops.convert_to_tensor, np.ravel(step))
        given = [keras.ops.convert_to_numpy(value(one)) for one in steps]
        return np.reshape(np.array(given, dtype), np.shape(step))

    def __repr__(self) -> str:
        """Return the code that makes it."""
        config = self.schedule.get_config()
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
        made = f"{type(self.schedule).__name__}({arguments})"
        if getattr(keras.optimizers.schedules, type(self.schedule).__name__, None) is not None:
            made = f"keras.optimizers.schedules.{made}"
        named = "" if self.name == type(self).__name__ else f", name={self.name!r}"
        return f"{type(self).__name__}({made}{named})"


def checked_schedule(name: str, schedule: Any) -> Schedule:
    """Return `schedule` as one of this package, or raise if it is none."""
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, LearningRateSchedule):
        return KerasSchedule(schedule)
    raise _validation.invalid(name, "a schedule of keras_trainkit or Keras", schedule)
