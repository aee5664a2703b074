"""One step over all variables: those that are treated alike are updated together."""

import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_trainkit._backend import backend_module
from keras_trainkit._keras_internals import HookedOptimizer
from keras_trainkit._tensors import Tensor, at_least_float32
from keras_trainkit._variable_paths import matched, path_of
from keras_trainkit.optimizers._gradients import dense
from keras_trainkit.optimizers._hyperparameters import Scalar, read, scalar_like
from keras_trainkit.optimizers._weight_decay import decays

# The backend's file in this folder. JAX has none: XLA fuses the operations of the rules.
HAS_FILE = keras.backend.backend() in ("tensorflow", "torch")
BACKEND: Any = backend_module(__package__) if HAS_FILE else None


class Traits(NamedTuple):
    """What an optimizer does to one variable beside its rule, and in which type."""

    multiplier: float
    """Of the learning rate."""
    decays: bool
    """Whether weight decay acts on it."""
    own: str
    """The variable's type."""
    dtype: str
    """The type in which its update is computed."""


def traits_of(
    variables: Sequence[Any],
    *,
    multipliers: Mapping[str, float],
    decay: bool,
    min_rank: int | None,
    excluded: Sequence[str],
) -> list[Traits]:
    """Return the traits of each variable, as the optimizer's arguments give them."""
    factors = matched("learning_rate_multipliers", list(multipliers), variables)
    spared = matched("weight_decay_exclude", excluded, variables)
    return [
        Traits(
            multiplier=1.0 if pattern is None else multipliers[pattern],
            decays=decay and hit is None and decays(variable, min_rank),
            own=keras.backend.standardize_dtype(variable.dtype),
            dtype=at_least_float32(variable.dtype),
        )
        for variable, pattern, hit in zip(variables, factors, spared, strict=True)
    ]


class Group(NamedTuple):
    """Variables of the same traits, with their places in the list they came from."""

    traits: Traits
    places: list[int]
    indices: list[int]
    """Their places among all variables that the optimizer was built for."""
    variables: list[Any]
    slots: list[list[Any]]
    """For each kind of slot, one per variable."""
    values: list[Any]
    """The backend's own objects: the variables, and the slots by kind."""
    slot_values: list[list[Any]]


def grouped(
    variables: Sequence[Any],
    indices: Sequence[int],
    traits: Sequence[Traits],
    slots: Sequence[Sequence[Any]],
    parts: Sequence[Hashable],
) -> list[Group]:
    """Return the groups of equal traits and parts.

    `traits`, the kinds in `slots` and `parts` have an entry for each variable that the optimizer
    was built for.
    """
    places: dict[Hashable, list[int]] = {}
    for place, i in enumerate(indices):
        places.setdefault((traits[i], parts[i]), []).append(place)
    return [
        _group(
            traits[indices[members[0]]],
            members,
            [indices[place] for place in members],
            [variables[place] for place in members],
            slots,
        )
        for members in places.values()
    ]


def _group(
    traits: Traits,
    places: list[int],
    indices: list[int],
    variables: list[Any],
    slots: Sequence[Sequence[Any]],
) -> Group:
    if "float" not in traits.own:
        raise ValueError(
            f"A variable that is trained must be of a floating point type; one that only counts "
            f"needs `trainable=False`. Received: {path_of(variables[0])!r} of type {traits.own}"
        )
    own = [[kind[i] for i in indices] for kind in slots]
    values, *slot_values = [[_value(v) for v in kind] for kind in (variables, *own)]
    return Group(traits, places, indices, variables, own, values, slot_values)


def _value(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


class GroupedUpdate(HookedOptimizer):
    """What applies a rule to all variables: groups, scalars, decay, and fused forms of the rule.

    A rule (`Adam`, `NAG`, ...) defines the four methods at the top.
    """

    _traits: list[Traits]
    # What the last step found: its variables, their indices; their parts, and the groups.
    _known_indices: tuple[list[Any], list[int]]
    _known_groups: tuple[list[int], Sequence[Hashable], list[tuple[Group, ModuleType | None]]]

    def _slot_lists(self) -> Sequence[Sequence[Any]]:
        """Return one list of variables per kind of slot, in the order of the trained variables."""
        raise NotImplementedError

    def _parts(self) -> Sequence[Hashable]:
        """Return what tells variables apart in this step beside their traits, one for each."""
        return [None] * len(self._traits)

    def _step_scalars(self, learning_rate: Any, group: Group) -> Any:
        """Return a group's scalars of the running step: floats, or tensors of its traits' type."""
        raise NotImplementedError

    def _update(self, gradient: Tensor, variable: Any, slots: Sequence[Any], scalars: Any) -> None:
        """Apply the rule to one variable; the gradient has the type in which to compute."""
        raise NotImplementedError

    def _fused_update(self, fused: ModuleType) -> Callable | None:
        """Return the backend's form of `_update` for many variables, if it has one."""
        raise NotImplementedError

    def _update_all(
        self, gradients: Sequence[Tensor], variables: Sequence[Any], learning_rate: Any
    ) -> None:
        """Apply decay and rule to every variable, fused where there is such a form."""
        for group, fused in self._groups(variables):
            given = [gradients[i] for i in group.places]
            scalars, shrinkage = self._scalars_of(group, learning_rate)
            update = fused and self._fused_update(fused)
            if fused and update:
                if shrinkage is not None:
                    fused.shrink(group.values, shrinkage)
                update(group.values, given, group.slot_values, scalars)
                continue
            for gradient, variable, *slots in zip(
                dense(given), group.variables, *group.slots, strict=True
            ):
                self._decay_and_update(gradient, variable, slots, scalars, shrinkage)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        """Apply decay and rule to one variable; Keras calls it for each, on several replicas."""
        indices = [self._place_of(variable)]
        (group,) = grouped([variable], indices, self._traits, self._slot_lists(), self._parts())
        (gradient,) = dense([gradient])
        slots = [slot for (slot,) in group.slots]
        self._decay_and_update(gradient, variable, slots, *self._scalars_of(group, learning_rate))

    def _decay_and_update(
        self,
        gradient: Tensor,
        variable: Any,
        slots: Sequence[Any],
        scalars: Any,
        shrinkage: Any,
    ) -> None:
        dtype = at_least_float32(variable.dtype)
        if shrinkage is not None:
            lost = shrinkage * ops.cast(variable, dtype)
            self.assign_sub(variable, ops.cast(lost, variable.dtype))
        self._update(ops.cast(gradient, dtype), variable, slots, scalars)

    def _decay_weights(self, variables: Sequence[Any]) -> None:
        """Do nothing: the decay is part of the update, where the learning rate is known."""

    def _indices_of(self, variables: Sequence[Any]) -> list[int]:
        """Return the variables' places among those that the optimizer was built for."""
        known, indices = self._known_indices
        if len(known) != len(variables) or not all(map(operator.is_, known, variables)):
            indices = [self._place_of(variable) for variable in variables]
            self.__dict__["_known_indices"] = (list(variables), indices)
        return indices

    def _groups(self, variables: Sequence[Any]) -> list[tuple[Group, ModuleType | None]]:
        """Return groups and who fuses them; known from the last step for equal variables."""
        indices, parts = self._indices_of(variables), self._parts()
        known, known_parts, groups = self._known_groups
        if known is indices and known_parts == parts:
            return groups
        found = grouped(variables, indices, self._traits, self._slot_lists(), parts)
        groups = [(group, _fused(group)) for group in found]
        if keras.backend.backend() != "jax":  # There a variable's value is another every step.
            self.__dict__["_known_groups"] = (indices, parts, groups)
        return groups

    def _scalars_of(self, group: Group, learning_rate: Any) -> tuple[Any, Any]:
        """Return the rule's scalars, and the share of the weights that decay takes, or None."""
        traits, example = group.traits, self._example_scalar(group.values[0])
        rate = scalar_like(example, learning_rate, traits.dtype)
        rate = rate * traits.multiplier if traits.multiplier != 1 else rate
        decay = read(self, "weight_decay", traits.dtype) if traits.decays else None
        scalars = self._step_scalars(rate, group)
        return scalars, None if decay is None else rate * decay

    def _step_of(self, group: Group) -> Scalar:
        """Return the number of the running update, counted from 1, as a scalar for a group."""
        example = self._example_scalar(group.values[0])
        return scalar_like(example, self.iterations, group.traits.dtype) + 1

    def _example_scalar(self, value: Tensor) -> float | None:
        """Return a float if the scalars of a variable of this value are computed on the host.

        Return None if they are tensors.
        """
        if keras.backend.backend() != "torch":
            return None
        return 0.0 if BACKEND.on_host(value) else None


def _fused(group: Group) -> ModuleType | None:
    """Return the backend's file of fused updates if they can update this group."""
    # They compute in the variables' own type; half precision must be updated in float32.
    if BACKEND is None or group.traits.own != group.traits.dtype:
        return None
    return BACKEND if BACKEND.can_update(group.values) else None
