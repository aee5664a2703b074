"""The points of a grid, in the order in which a person would try them.

The values of each hyperparameter stand in levels:

    0       the default
    1       both ends of a range; all other values where they have no order
    2       its middle
    3, ...  what lies halfway between the values so far, up to every step

First comes the point of all defaults, then those in which one hyperparameter has left its default
for level 1, then those whose levels add up to 2, and so on. So every hyperparameter has been tried
coarsely before one is tried finely, and in the end the grid is complete.
"""

import math
from collections.abc import Iterator
from typing import Any

from keras_tuner.engine.hyperparameters import Boolean, Choice
from optuna.distributions import CategoricalDistribution

from keras_trainkit.tuner._oracle.distributions import Parameter

# Into so many parts a range without a step is divided.
PARTS = 8


class Ladder:
    """The levels of one hyperparameter, worked out as far as they are asked for.

    Args:
        parameter: the hyperparameter.
    """

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self._last = _last_index(parameter)
        self._levels: list[list[Any]] = [[parameter.hyperparameter.default]]
        self._known = {_key(parameter.hyperparameter.default)}

    @property
    def height(self) -> int:
        """The number of the last level."""
        return 0 if self._last < 1 else 1 + math.ceil(math.log2(self._last))

    def level(self, number: int) -> list[Any]:
        """Return the values that come with a level, which may be none."""
        while len(self._levels) <= number:
            self._levels.append(self._unknown(len(self._levels)))
        return self._levels[number]

    def _unknown(self, number: int) -> list[Any]:
        """Return the values of a level that no lower one has, and remember them."""
        if self._has_no_order:
            return [v for v in self._parameter.hyperparameter.values if _key(v) not in self._known]
        found = []
        for index in _indices(number, self._last):
            value = _value(self._parameter, index, self._last)
            if _key(value) not in self._known:
                self._known.add(_key(value))
                found.append(value)
        return found

    @property
    def _has_no_order(self) -> bool:
        return isinstance(self._parameter.hyperparameter, Boolean | Choice)


def points(space: list[Parameter]) -> Iterator[dict[str, Any]]:
    """Yield values for the space, each point of the grid once."""
    ladders = [Ladder(each) for each in space]
    for budget in range(sum(ladder.height for ladder in ladders) + 1):
        yield from _points(list(zip(space, ladders, strict=True)), {}, budget)


def _points(
    steps: list[tuple[Parameter, Ladder]], values: dict[str, Any], budget: int
) -> Iterator[dict[str, Any]]:
    """Yield the points that begin with some values and whose other levels add up to a budget."""
    if not steps:
        if budget == 0:
            yield values
        return
    if budget > sum(ladder.height for _, ladder in steps):
        return
    (each, ladder), *rest = steps
    name = each.hyperparameter.name
    if name in values or not each.is_active(values):
        yield from _points(rest, values, budget)
        return
    for level in reversed(range(min(budget, ladder.height) + 1)):
        for value in ladder.level(level):
            yield from _points(rest, {**values, name: value}, budget - level)


def _last_index(parameter: Parameter) -> int:
    """Return the number of the last value, counted from zero."""
    source: Any = parameter.distribution
    if source is None:
        return 0
    if isinstance(parameter.hyperparameter, Boolean | Choice):
        return min(len(source.choices) - 1, 1)
    if isinstance(source, CategoricalDistribution):
        return len(source.choices) - 1
    if source.log or source.step is None:
        return PARTS if source.low < source.high else 0
    return round((source.high - source.low) / source.step)


def _indices(level: int, last: int) -> Iterator[int]:
    """Yield the numbers of the values that come with a level."""
    if level == 1:
        yield from (0, last)
        return
    parts = 2 ** (level - 1)
    for odd in range(1, parts, 2):
        yield round(odd * last / parts)


def _value(parameter: Parameter, index: int, last: int) -> Any:
    """Return a value of an ordered hyperparameter by its number."""
    source: Any = parameter.distribution
    if isinstance(source, CategoricalDistribution):
        return source.choices[index]
    low, high, share = source.low, source.high, index / last
    number = low * (high / low) ** share if source.log else low + (high - low) * share
    return parameter.mirrored(
        min(round(number), high) if isinstance(low, int) else min(number, high)
    )


def _key(value: Any) -> Any:
    """Return what equal values have in common, whatever rounding has done to them."""
    return f"{value:.9g}" if isinstance(value, float) else value
