"""Facts of the optimizer that a model is compiled with."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit._keras_internals import given_learning_rate, wrapped_optimizers
from keras_trainkit.diagnosis._preflight.array_facts import spread_places
from keras_trainkit.diagnosis._preflight.as_code import arguments_of, name_of
from keras_trainkit.diagnosis._preflight.layer_facts import if_known
from keras_trainkit.diagnosis.facts import OptimizerFacts

# Rules that divide by the size of the gradients; heirs count as what they inherit from.
_ADAPTIVE = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop"),
)
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm", "clipping")
# At how many steps a schedule is looked at, and which share of its highest rate is next to nothing.
_STEPS, _NOTHING = 64, 0.01
# Callbacks that give the rate from the first step on.
_GIVE_RATE = ("LearningRateScheduler", "LearningRate")


def optimizer_facts(
    model: keras.Model, arguments: Mapping[str, Any] | None = None, updates: int | None = None
) -> OptimizerFacts | None:
    """Return the facts of the optimizer, of the first that a wrapper wraps, `None` without one.

    Args:
        model: a model, compiled or not.
        arguments: dict. Those of `fit`, whose callbacks may give the rate.
        updates: integer. How many are planned. Defaults to `None`: not known.
    """
    optimizer = getattr(model, "optimizer", None)
    while optimizer is not None and (wrapped := wrapped_optimizers(optimizer)):
        optimizer = wrapped[0]
    if optimizer is None:
        return None
    is_driven = _is_driven(arguments or {})
    given = given_learning_rate(optimizer)
    is_schedule = isinstance(given, keras.optimizers.schedules.LearningRateSchedule)
    return OptimizerFacts(
        kind=type(optimizer).__name__,
        learning_rate=math.nan if is_driven else _first_rate(given),
        scheduled=is_driven or is_schedule or not isinstance(given, keras.Variable),
        momentum=_number(optimizer, "momentum"),
        weight_decay=_number(optimizer, "weight_decay"),
        clips=any(getattr(optimizer, name, None) is not None for name in _CLIPS),
        adaptive=any(kind.__name__ in _ADAPTIVE for kind in type(optimizer).__mro__),
        arguments=if_known(lambda: arguments_of(optimizer), {}),
        place=if_known(lambda: name_of(type(optimizer)), ""),
        lasts=if_known(lambda: _lasts(given, updates), math.nan) if is_schedule else math.nan,
    )


def _lasts(schedule: Any, updates: int | None) -> float:
    """Return the share of the updates at which a schedule's rate is more than next to nothing."""
    if not updates:
        return math.nan
    steps = spread_places(updates, _STEPS)
    rates = np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in steps])
    return float((rates >= _NOTHING * rates.max()).mean())


def _is_driven(arguments: Mapping[str, Any]) -> bool:
    callbacks = arguments.get("callbacks")
    listed = getattr(callbacks, "callbacks", callbacks)
    listed = listed if isinstance(listed, list | tuple) else [listed]
    return any(kind.__name__ in _GIVE_RATE for one in listed for kind in type(one).__mro__)


def _first_rate(given: Any) -> float:
    """Return a number, or a schedule's at step 0; NaN for a function of the user's."""
    if isinstance(given, keras.optimizers.schedules.LearningRateSchedule):
        given = given(0)
    elif callable(given) and not isinstance(given, keras.Variable):
        return math.nan
    return float(keras.ops.convert_to_numpy(given))


def _number(optimizer: Any, name: str) -> float:
    value = getattr(optimizer, name, None)
    return 0.0 if value is None or isinstance(value, bool) else float(value)
