"""An argument of a space, by the convention of `Space`: one value, a range, or a choice."""

import contextlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from keras_tuner import HyperParameters

from keras_trainkit._validation import invalid

Check = Callable[[str, Any], Any]
RUNTIME, STRUCTURAL, DATA = "runtime", "structural", "data"


class Dimension:
    """One number or name of a space: `declare` makes it a hyperparameter and returns its value.

    Attributes:
        name: str. Name of the hyperparameter.
        kind: str. What another value changes: `"runtime"`, a number in the same network and
            training step; `"structural"`, the network or its step; `"data"`, what `fit` feeds them.
        values: Those that a hyperparameter can depend on.
    """

    name: str
    kind: str
    values: Sequence[Any]

    def declare(self, hp: HyperParameters) -> Any:
        """Register the hyperparameter in `hp`; return its current value, `None` if inactive."""
        raise NotImplementedError

    def declare_when(
        self, hp: HyperParameters, parent: "Dimension", values: Collection[Any]
    ) -> Any:
        """Declare for the case that `parent` is among `values`; return `None` in any other case."""
        possible = [value for value in parent.values if value in values]
        if not possible:
            return None
        # KerasTuner must meet the scope in every build, else it does not know what is inside.
        with parent.scope(hp, possible):
            value = self.declare(hp)
        return value if parent.declare(hp) in possible else None

    def scope(self, hp: HyperParameters, values: list[Any]) -> contextlib.AbstractContextManager:
        """Return the scope whose hyperparameters are active while this one is among `values`."""
        return hp.conditional_scope(self.name, values)


@dataclass(frozen=True)
class Fixed(Dimension):
    """A value that is not searched; it takes no place among the hyperparameters."""

    name: str
    value: Any
    kind: str = STRUCTURAL

    @property
    def values(self) -> Sequence[Any]:  # type: ignore[override]
        """Return the one value."""
        return (self.value,)

    def declare(self, hp: HyperParameters) -> Any:
        """Return the value."""
        return self.value

    def scope(self, hp: HyperParameters, values: list[Any]) -> contextlib.AbstractContextManager:
        """Return a scope that is always active."""
        return contextlib.nullcontext()


@dataclass(frozen=True)
class Choice(Dimension):
    """One of `values`, by default the first."""

    name: str
    values: Sequence[Any]
    kind: str = STRUCTURAL

    def declare(self, hp: HyperParameters) -> Any:
        """Register a `Boolean` or a `Choice`."""
        if isinstance(self.values[0], bool):
            return hp.Boolean(self.name, default=self.values[0])
        return hp.Choice(self.name, list(self.values))


@dataclass(frozen=True)
class Range(Dimension):
    """A number from `low` to `high`, by default in the middle of its scale."""

    name: str
    low: float
    high: float
    log: bool
    kind: str = STRUCTURAL

    @property
    def values(self) -> Sequence[Any]:  # type: ignore[override]
        """Return the integers of the range."""
        return range(int(self.low), int(self.high) + 1)

    def declare(self, hp: HyperParameters) -> Any:
        """Register an `Int` or a `Float`, as the ends are."""
        kind, number = (hp.Int, round) if isinstance(self.low, int) else (hp.Float, float)
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        sampling = "log" if self.log else "linear"
        return kind(self.name, self.low, self.high, sampling=sampling, default=number(middle))


NEVER_OFF = object()


def dimension(
    name: str,
    argument: Any,
    check: Check,
    *,
    default: Any,
    kind: str = STRUCTURAL,
    off: Any = NEVER_OFF,
    log: bool = False,
) -> Dimension:
    """Return what `argument` means, with every value that it names passed through `check`.

    Args:
        name: str. Name of the hyperparameter. The part behind the last `/` names it in errors.
        argument: A value, a tuple `(low, high)`, a list of values, `None` or `False`.
        check: `check(name, value)` returns the value in its final type, or raises `ValueError`.
        default: The argument that `None` stands for.
        kind: str. What another value changes; see `Dimension`.
        off: The value that `False` stands for. Without it `False` is left to `check`.
        log: bool. Sample a range on a logarithmic scale; `check` must then reject zero.
    """
    label = name.rpartition("/")[2]
    if argument is None:
        argument = default
    if argument is False and off is not NEVER_OFF:
        return Fixed(name, off, kind)
    if not isinstance(argument, list | tuple):
        return Fixed(name, check(label, argument), kind)
    values = tuple(check(label, value) for value in argument)
    if len({type(value) for value in values}) > 1:
        # KerasTuner has no hyperparameter of numbers and texts.
        raise invalid(label, "values of one type", argument)
    if isinstance(argument, tuple) and not all(isinstance(value, str | bool) for value in values):
        if len(values) != 2 or not values[0] < values[1]:
            raise invalid(label, "a range (low, high) with low < high", argument)
        return Range(name, *values, log=log, kind=kind)
    if not values or len(set(values)) < len(values):
        raise invalid(label, "a list of different values", argument)
    return Choice(name, values, kind) if len(values) > 1 else Fixed(name, values[0], kind)


def known_to_keras(name: str, value: Any, get: Callable[[str], Any], kind: str) -> str:
    """Return `value` if it is a string that Keras's `get` resolves to `kind`, or raise."""
    with contextlib.suppress(ValueError):
        if isinstance(value, str) and get(value) is not None:
            return value
    raise invalid(name, kind, value)
