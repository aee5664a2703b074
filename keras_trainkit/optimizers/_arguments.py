"""The arguments that all rules share, as type checkers, signatures and errors know them.

A rule takes them as `**arguments`; their defaults stand in the constructor of `Optimizer`.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from keras_trainkit.optimizers.clipping import Clipping

Constructor = TypeVar("Constructor", bound=Callable)


class ArgumentsWithoutDecay(TypedDict, total=False):
    """Those that `AdamW` leaves as they are."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    weight_decay_exclude: Sequence[str]
    learning_rate_multipliers: Mapping[str, float] | None
    clipping: Clipping | dict[str, Any] | None
    skip_nonfinite: bool
    name: str | None


class Arguments(ArgumentsWithoutDecay, total=False):
    """All of them."""

    weight_decay: float | None
    weight_decay_min_rank: int | None


def shows_arguments_of(base: type) -> Callable[[Constructor], Constructor]:
    """Return a decorator of a constructor: its signature names what `**arguments` can be."""

    def decorator(constructor: Constructor) -> Constructor:
        own = inspect.signature(constructor)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shared = [
            parameter
            for name, parameter in inspect.signature(base).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name not in own.parameters
        ]
        signature = own.replace(parameters=[*named, *shared])
        constructor.__signature__ = signature  # type: ignore[attr-defined]
        return constructor

    return decorator


def unknown_arguments(cls: type, given: Mapping[str, Any]) -> ValueError:
    """Return the error that says which arguments a class does not have, and what may be meant."""
    known, (name, *_) = list(inspect.signature(cls).parameters), given
    near = difflib.get_close_matches(name, known, n=1)
    meant = f": did you mean `{near[0]}`?" if near else "."
    received = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return ValueError(f"`{cls.__name__}` has no argument `{name}`{meant} Received: {received}")
