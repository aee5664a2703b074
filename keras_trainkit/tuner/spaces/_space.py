"""What every space is: how it is told what to search, and what it makes of that."""

import contextlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import keras
from keras_tuner import HyperParameters

from keras_trainkit._register import PACKAGE, register
from keras_trainkit._validation import wrong_type
from keras_trainkit.tuner.spaces._dimension import Dimension

# Apart from the layers, which have the same names.
register_space = partial(register, package=f"{PACKAGE}.spaces")
TUPLE = "tuple"


class Space:
    """A part of a model, or of its training, whose settings a KerasTuner search chooses.

    `declare(hp)` registers every hyperparameter of the space, whether or not the current values
    make it active, and returns the current values. `build(hp, ...)` returns the part that they
    describe, a new one at each call; what else it depends on follows `hp`. In a `build_model(hp)`
    of your own a function of the same name does all at once: `spaces.dropout(hp, (0.0, 0.5))` is
    `spaces.Dropout((0.0, 0.5)).build(hp)`.

    Arguments follow one convention:

        0.3                 a value: fixed, not a hyperparameter
        (0.1, 0.5)          a range, both ends included
        [0.1, 0.3], names   a choice; names may stand in a tuple as well
        None                the documented default space
        False               off

    A `prefix`, or KerasTuner's `hp.name_scope`, tells two spaces of one class in one model apart.

    Args:
        prefix: str. Stands before the names of all hyperparameters, with a `/` between. Defaults
            to `""`, none.

    Raises:
        ValueError: if an argument is, or has among its choices, a value that it does not allow.
    """

    build: Callable[..., Any]
    _given: tuple[tuple[str, Any], ...]

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Keep the arguments, for `get_config` and `repr`."""
        space = super().__new__(cls)
        # Copies are made without arguments.
        given = inspect.signature(cls).bind_partial(*arguments, **options).arguments
        space._given = tuple(given.items())
        return space

    def __init__(self, prefix: str = "") -> None:
        """Check the prefix."""
        if not isinstance(prefix, str):
            raise wrong_type("prefix", "a string", prefix)
        self.prefix = prefix

    @classmethod
    def of(cls, argument: Any) -> Self:
        """Return `argument` if it is such a space already, else the space that it describes."""
        return argument if isinstance(argument, cls) else cls(argument)

    def declare(self, hp: HyperParameters) -> Any:
        """Register every hyperparameter in `hp`; return the current values."""
        raise NotImplementedError

    def parameters(self) -> dict[str, str]:
        """Return the kind of each hyperparameter by its name.

        runtime      a number of the training: network and training step stay as they are
        structural   the network, or what its training step computes
        data         what `fit` feeds it, and for how long
        """
        hp, kinds = HyperParameters(), self._kinds()
        self.declare(hp)
        return {each.name: kinds[each.name] for each in hp.space}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that were given, as JSON can hold them."""
        return {name: encoded(value) for name, value in self._given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the space that `get_config` described."""
        return cls(**{name: decoded(value) for name, value in config.items()})

    def __repr__(self) -> str:
        """Return the code that makes it."""
        given = ", ".join(f"{name}={value!r}" for name, value in self._given)
        return f"{type(self).__name__}({given})"

    def _scope(self, hp: HyperParameters) -> contextlib.AbstractContextManager:
        """Return the scope in which the names of hyperparameters begin with the prefix."""
        return hp.name_scope(self.prefix) if self.prefix else contextlib.nullcontext()

    def _kinds(self) -> dict[str, str]:
        """Return the kinds of all dimensions, those of spaces inside of this one too."""
        found: dict[str, str] = {}
        for part in vars(self).values():
            for each in part.values() if isinstance(part, dict) else (part,):
                if isinstance(each, Dimension):
                    found[each.name] = each.kind
                elif isinstance(each, Space):
                    found |= each._kinds()
        return {f"{self.prefix}/{name}" if self.prefix else name: found[name] for name in found}


def encoded(argument: Any) -> Any:
    """Return an argument as JSON can hold it, which knows no difference of range and choice."""
    if isinstance(argument, tuple):
        return {TUPLE: list(argument)}
    return keras.saving.serialize_keras_object(argument)


def decoded(argument: Any) -> Any:
    """Return what `encoded` made this of."""
    if isinstance(argument, dict) and TUPLE in argument:
        return tuple(argument[TUPLE])
    return keras.saving.deserialize_keras_object(argument)
