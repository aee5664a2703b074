"""A picture of a schedule."""

from typing import TYPE_CHECKING

import numpy as np

from keras_trainkit import _validation
from keras_trainkit._plotting import axes_or_new
from keras_trainkit.schedules._schedule import Schedule
from keras_trainkit.schedules._time import training
from keras_trainkit.schedules.of_keras import checked_schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 2000
_ADVICE = "call `plot_schedule(schedule, steps_per_epoch=..., epochs=...)`"


def plot_schedule(
    schedule: Schedule,
    ax: "Axes | None" = None,
    *,
    steps: int | None = None,
    steps_per_epoch: float | None = None,
    epochs: float | None = None,
) -> "Axes":
    """Draw a schedule over the steps of a training.

    Args:
        schedule: a schedule, of this package or of Keras.
        ax: matplotlib axes to draw on, or `None` for a new figure of pyplot's. Defaults to `None`.
        steps: int >= 1 or `None`. Steps to draw. Defaults to `steps_per_epoch * epochs`, or else
            to a little more than the schedule's length.
        steps_per_epoch: number > 0 or `None`. Optimizer steps in an epoch, where durations are in
            epochs or percent. With it the axis counts epochs. Defaults to `None`.
        epochs: number > 0 or `None`. Epochs of the training. Defaults to `None`.

    Returns:
        The axes.

    Raises:
        ValueError: if `schedule` is no schedule, if an argument is outside its interval,
            or if the number of steps is not given and the schedule has no end.

    Example:
        >>> from keras_trainkit.schedules import CosineDecay, plot_schedule
        >>> schedule = CosineDecay(0.1, "100%").warmup("5 epochs")
        >>> ax = plot_schedule(schedule, steps_per_epoch=100, epochs=50)
        >>> ax.get_xlabel()
        'epoch'
    """
    schedule = checked_schedule("schedule", schedule)
    schedule = schedule.within(training(steps_per_epoch, epochs, _ADVICE))
    t = _drawn(schedule, steps, steps_per_epoch, epochs)
    ax = axes_or_new(ax)
    ax.plot(t / (steps_per_epoch or 1), schedule(t), label=schedule.name)
    ax.set_xlabel("epoch" if steps_per_epoch else "step")
    ax.set_ylabel(schedule.quantity)
    ax.grid(alpha=0.3)
    return ax


def _drawn(
    schedule: Schedule, steps: int | None, steps_per_epoch: float | None, epochs: float | None
) -> np.ndarray:
    """Return at most `POINTS` steps, the last one included."""
    if steps is not None:
        last = _validation.integer("steps", steps, low=1)
    elif steps_per_epoch is not None and epochs is not None:
        last = round(steps_per_epoch * epochs)
    elif schedule.length is not None:
        last = round(1.1 * schedule.length)
    else:
        raise _validation.invalid("steps", f"given, as {schedule.name} has no end", steps)
    return np.unique(np.linspace(0, last, POINTS).round())
