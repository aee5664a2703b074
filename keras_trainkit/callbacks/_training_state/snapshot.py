"""What a snapshot holds, and whether it can be one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Number
from typing import Any

import keras
import numpy as np

from keras_trainkit import _validation
from keras_trainkit._keras_internals import given_learning_rate
from keras_trainkit.callbacks._training_state.fingerprint import places_in, shown, signatures
from keras_trainkit.callbacks._training_state.setup import OPTIMIZERS, RATE
from keras_trainkit.callbacks._training_state.variables import (
    assign,
    check_generator_states,
    check_hyperparameters,
    check_values,
    state_optimizers,
    state_variables,
    values_of,
)


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two steps.

    Attributes:
        model: which model it is, see `fingerprint`.
        setup: what `compile` and `fit` were given, see `setup_of`.
        epoch: epochs that are done.
        batch: steps of the next epoch that are done.
        ended: whether early stopping has ended the training.
        logs: what the last of these steps logged.
        variables: values of `state_variables`.
        built: what the optimizers were built for, see `built_optimizers`.
        metrics: values of the model's metrics in the middle of an epoch.
        numbers: hyperparameters of each layer and optimizer that has some.
        callbacks: callbacks with a state, see `CallbackStates`.
        generators: states of the random generators.
        epoch_generators: those at the beginning of the epoch in whose middle it is; else empty.
    """

    model: dict[str, Any]
    epoch: int
    batch: int
    ended: bool
    logs: dict[str, Any]
    variables: list[Any]
    built: dict[str, Any]
    metrics: list[Any]
    numbers: list[dict[str, float]]
    callbacks: list[dict[str, Any]]
    generators: dict[str, Any]
    epoch_generators: dict[str, Any]
    setup: dict[str, Any]

    @classmethod
    def from_state(cls, state: Any) -> "Snapshot":
        """Return what `vars` of a snapshot was, of this or an older version of the package.

        Raises:
            ValueError: if it cannot have been.
        """
        if not _is_dict(state):
            raise _unlike("the content", state)
        state = _as_of_today(state)
        names = [one.name for one in fields(cls)]
        for name in names:
            if not _CHECKS[name](state.get(name)):
                raise _unlike(name, state.get(name))
        given = {name: state[name] for name in names}
        if given["batch"] and not given["epoch_generators"]:
            raise _validation.invalid("epoch_generators", "known in the middle of an epoch", {})
        return cls(**given)

    def with_rates_of(self, model: keras.Model) -> "Snapshot":
        """Return it with variables for those learning rates that are numbers in the model.

        In the script that wrote it others may have been, the rest schedules. Of each optimizer the
        rate comes behind `iteration`.
        """
        own = self.built.get("own", 0)
        paths = [place[0].rpartition("/")[2] for place in self.model["variables"]]
        begins = [i for i, name in enumerate(paths) if name == "iteration" and i >= own]
        optimizers = state_optimizers(model)
        if len(begins) != len(optimizers) or len(paths) != len(self.variables):
            return self
        shapes, values = [*self.model["variables"]], [*self.variables]
        for begin, optimizer in [*zip(begins, optimizers, strict=True)][::-1]:
            rate = given_learning_rate(optimizer)
            rates = [rate] if isinstance(rate, keras.Variable) else []
            behind = slice(begin + 1, begin + 1 + (paths[begin + 1 : begin + 2] == [RATE]))
            if len(rates) != behind.stop - behind.start:
                shapes[behind], values[behind] = signatures(rates), list(values_of(rates))
        return replace(self, model={**self.model, "variables": shapes}, variables=values)

    def is_of_all(self, model: keras.Model) -> bool:
        """Say whether the model has everything that the snapshot holds, as after its first step."""
        return signatures(state_variables(model)) == self.model["variables"]

    def places(self, model: keras.Model) -> list[tuple[Any, int]]:
        """Return the variables of a model with their places in the snapshot.

        Before its first step it may have some of them. None at all if they are another model's.
        """
        variables = state_variables(model)
        found = places_in(self.model["variables"], signatures(variables))
        return [] if found is None else list(zip(variables, found, strict=True))

    def check(self, model: keras.Model) -> None:
        """Raise a ValueError unless all values can be those of the model, of what it has by now."""
        count, values = len(self.model["variables"]), self.variables
        if count != len(values):
            raise ValueError(f"its {len(values)} arrays are not those of {count} variables")
        places = self.places(model)
        check_values([one for one, _ in places], [values[place] for _, place in places])
        if self.is_of_all(model):
            check_hyperparameters(model, self.numbers)

    def put_metrics_back(self, model: keras.Model) -> bool:
        """Give the metrics their values if the model has them already, and say whether it has."""
        metrics = model.metrics_variables
        has_them = [tuple(one.shape) for one in metrics] == [one.shape for one in self.metrics]
        if has_them:
            assign(metrics, self.metrics)
        return has_them


def _as_of_today(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a snapshot of an older version holds as this version writes it."""
    today = {"setup": {}, "built": {}, **state}
    if today.get("epoch_generators") is None:
        today["epoch_generators"] = {}
    if _is_dict(today.get("callbacks")):  # They had no settings, but a name: `class/place`.
        today["callbacks"] = [
            {"kind": str(name).partition("/")[0], "settings": None, "state": one}
            for name, one in today["callbacks"].items()
        ]
    return today


def _unlike(name: str, value: Any) -> ValueError:
    return _validation.invalid(name, "what TrainingState has written", _Shown(value))


class _Shown:
    """A value that an error shows in few words."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return shown(self.value)


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_setup(value: Any) -> bool:
    optimizers = value.get(OPTIMIZERS, []) if _is_dict(value) else None
    return isinstance(optimizers, list) and all(map(_is_dict, optimizers))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_arrays(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, np.ndarray) for item in value)


def _are_numbers(value: Any) -> bool:
    return _is_dict(value) and all(
        isinstance(item, (Number, np.ndarray)) for item in value.values()
    )


def _is_model(value: Any) -> bool:
    if not _is_dict(value) or not isinstance(value.get("variables"), list):
        return False
    return all(
        isinstance(one, list) and list(map(type, one)) == [str, list, str]
        for one in value["variables"]
    )


def _are_built(value: Any) -> bool:
    if not _is_dict(value) or not value:
        return value == {}
    optimizers = value.get("optimizers")
    return (
        _is_count(value.get("own"))
        and isinstance(optimizers, list)
        and all(
            one is None or (isinstance(one, list) and one and all(map(_is_count, one)))
            for one in optimizers
        )
    )


def _are_hyperparameters(value: Any) -> bool:
    return isinstance(value, list) and all(_are_numbers(item) for item in value)


def _are_callbacks(value: Any) -> bool:
    return isinstance(value, list) and all(
        _is_dict(one)
        and isinstance(one.get("kind"), str)
        and isinstance(one.get("settings"), (dict, type(None)))
        and "state" in one
        for one in value
    )


def _are_generators(value: Any) -> bool:
    try:
        check_generator_states(value)
    except Exception:  # Python, NumPy and PyTorch refuse them in their own ways.
        return False
    return True


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "model": _is_model,
    "setup": _is_setup,
    "epoch": _is_count,
    "batch": _is_count,
    "ended": lambda value: isinstance(value, bool),
    "logs": _are_numbers,
    "variables": _are_arrays,
    "built": _are_built,
    "metrics": _are_arrays,
    "numbers": _are_hyperparameters,
    "callbacks": _are_callbacks,
    "generators": _are_generators,
    "epoch_generators": lambda value: value == {} or _are_generators(value),
}
