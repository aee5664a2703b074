"""Variables that one step treats alike."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_trainkit._tensors import at_least_float32
from keras_trainkit._variable_paths import matched


class Traits(NamedTuple):
    """What an optimizer does to one variable beside its rule."""

    multiplier: float
    """Of the learning rate."""
    decays: bool
    """Whether weight decay acts on it."""


def traits_of(
    variables: Sequence[Any],
    *,
    multipliers: Mapping[str, float],
    decay: bool,
    min_rank: int,
    excluded: Sequence[str],
) -> list[Traits]:
    """Return the traits of each variable, as the optimizer's arguments give them."""
    factors = matched("learning_rate_multipliers", list(multipliers), variables)
    spared = matched("weight_decay_exclude", excluded, variables)
    return [
        Traits(
            multiplier=1.0 if pattern is None else multipliers[pattern],
            decays=decay and hit is None and len(variable.shape) >= min_rank,
        )
        for variable, pattern, hit in zip(variables, factors, spared, strict=True)
    ]


class Group(NamedTuple):
    """Variables of one type and the same traits, with their places in the list they came from."""

    traits: Traits
    dtype: str
    """The type in which their update is computed."""
    native: bool
    """Whether that is their own type."""
    places: list[int]
    variables: list[Any]
    slots: list[list[Any]]
    """For each kind of slot, one per variable."""
    values: list[Any]
    """The backend's own objects: the variables, and the slots by kind."""
    slot_values: list[list[Any]]


def grouped(
    variables: Sequence[Any], traits: Sequence[Traits], slots: Sequence[Sequence[Any]]
) -> list[Group]:
    """Return the groups; `slots` holds one sequence per kind, in the variables' order."""
    places: dict[tuple[Traits, str], list[int]] = {}
    for i, variable in enumerate(variables):
        own = keras.backend.standardize_dtype(variable.dtype)
        places.setdefault((traits[i], own), []).append(i)
    return [
        _group(
            traits, own, here, [variables[i] for i in here], [[s[i] for i in here] for s in slots]
        )
        for (traits, own), here in places.items()
    ]


def _group(
    traits: Traits, own: str, places: list[int], variables: list[Any], slots: list[list[Any]]
) -> Group:
    dtype = at_least_float32(own)
    values, *slot_values = [[_value(v) for v in kind] for kind in (variables, *slots)]
    return Group(traits, dtype, own == dtype, places, variables, slots, values, slot_values)


def _value(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable
