"""KerasTuner's hyperparameters as Optuna's distributions, conditional ones included.

KerasTuner tells a hyperparameter by its name and its conditions, Optuna a parameter by its name
alone; so a name that stands in a space twice gets a number the second time. A trial has those
parameters whose conditions hold.

    KerasTuner                     Optuna
    Fixed                          none
    Boolean, Choice                categorical
    Int, Float                     int, float; with the step or on the logarithmic scale
    the same, log with a step      categorical: the few values there are
    the same, reverse_log          a logarithmic scale for min + max - value
"""

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, HyperParameter, Int
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter of KerasTuner's as a parameter of Optuna's.

    Args:
        name: its name there.
        hyperparameter: what it is here.
        distribution: from what it is drawn, `None` if it is fixed.
    """

    name: str
    hyperparameter: HyperParameter
    distribution: BaseDistribution | None

    def is_active(self, values: dict[str, Any]) -> bool:
        """Return whether its conditions hold under the values of a trial."""
        return all(condition.is_active(values) for condition in self.hyperparameter.conditions)

    @property
    def requirement(self) -> str:
        """What a value must be, in words."""
        each = self.hyperparameter
        if isinstance(each, Boolean | Choice | Fixed):
            return f"one of {', '.join(map(repr, _values(each)))}"
        kind = "an integer" if isinstance(each, Int) else "a number"
        return f"{kind} in [{each.min_value}, {each.max_value}]"

    def allows(self, value: Any) -> bool:
        """Return whether a trial may have the value; between two steps it may."""
        each = self.hyperparameter
        if isinstance(each, Boolean | Choice | Fixed):
            return value in _values(each)
        kind = Integral if isinstance(each, Int) else Real
        return isinstance(value, kind) and each.min_value <= value <= each.max_value

    def drawn(self, trial: Trial) -> Any:
        """Return the value that a sampler proposes for the hyperparameter."""
        source = self.distribution
        if isinstance(source, CategoricalDistribution):
            return trial.suggest_categorical(self.name, source.choices)
        if isinstance(source, IntDistribution):
            low, high = source.low, source.high
            integer = trial.suggest_int(self.name, low, high, step=source.step, log=source.log)
            return self.mirrored(integer)
        if isinstance(source, FloatDistribution):
            number = trial.suggest_float(
                self.name, source.low, source.high, step=source.step, log=source.log
            )
            return self.mirrored(number)
        return self.hyperparameter.default

    def of(self, value: Any) -> Any:
        """Return the parameter for which `drawn` returns this value, or the nearest one.

        A default may lie outside of its range. `None` where nothing is near.
        """
        source = self.distribution
        if isinstance(source, IntDistribution | FloatDistribution):
            number = min(max(self.mirrored(value), source.low), source.high)
            if source.step is None:
                return number
            return source.low + round((number - source.low) / source.step) * source.step
        if isinstance(source, CategoricalDistribution) and value in source.choices:
            return value
        return None

    def mirrored(self, number: float) -> float:
        """Return the number of a reversed scale seen from its other end, any other as it is."""
        if self.hyperparameter.sampling != "reverse_log":
            return number
        low, high = self.hyperparameter.min_value, self.hyperparameter.max_value
        return min(max(low + high - number, low), high)


def _values(hyperparameter: Boolean | Choice | Fixed) -> tuple[Any, ...]:
    return tuple(hyperparameter.values)


def parameters(space: HyperParameters) -> list[Parameter]:
    """Return the parameters of a space in its order, each behind those that it depends on."""
    times: Counter[str] = Counter()
    found = []
    for each in space.space:
        times[each.name] += 1
        name = each.name if times[each.name] == 1 else f"{each.name} ({times[each.name]})"
        found.append(Parameter(name, each, distribution(each)))
    return found


def distribution(hyperparameter: HyperParameter) -> BaseDistribution | None:
    """Return from what a hyperparameter is drawn, `None` where there is nothing to draw."""
    if isinstance(hyperparameter, Fixed):
        return None
    if isinstance(hyperparameter, Boolean | Choice):
        return CategoricalDistribution(tuple(hyperparameter.values))
    number: Any = int if isinstance(hyperparameter, Int) else float
    kind = IntDistribution if number is int else FloatDistribution
    low, high, step = (getattr(hyperparameter, end) for end in ("min_value", "max_value", "step"))
    logarithmic = hyperparameter.sampling != "linear"
    if step is None:
        return kind(low, high, log=logarithmic)
    if logarithmic:
        return CategoricalDistribution(tuple(map(number, hyperparameter.values)))
    return kind(low, number(_last(low, high, step)), step=step)


def _last(low: float, high: float, step: float) -> Decimal:
    """Return the highest number that steps from the lowest one reach, without rounding errors."""
    first, end, width = (Decimal(str(number)) for number in (low, high, step))
    return first + math.floor((end - first) / width) * width


def changes(before: HyperParameters, now: HyperParameters) -> list[str]:
    """Return a line for each hyperparameter that both spaces have with different ranges."""
    return [
        f"`{old.name}` was {_range(old)} and is now {_range(new)}"
        for old in before.space
        for new in now.space
        if (old.name, old.conditions) == (new.name, new.conditions) and _range(old) != _range(new)
    ]


def _range(hyperparameter: HyperParameter) -> str:
    """Return a hyperparameter as text, without its name, its default and its conditions."""
    config = hyperparameter.get_config()
    for name in ("name", "default", "conditions", "ordered"):
        config.pop(name, None)
    values = ", ".join(f"{name}={value!r}" for name, value in config.items())
    return f"{type(hyperparameter).__name__}({values})"
