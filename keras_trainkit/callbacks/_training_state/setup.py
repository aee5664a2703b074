"""What the script gave to `compile` and `fit`: a training is gone on with, and may be edited."""

import functools
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit._fit import running_fit
from keras_trainkit._keras_internals import compiled_with
from keras_trainkit.callbacks._training_state.fingerprint import (
    differences,
    shown,
    without_counters,
)
from keras_trainkit.callbacks._training_state.variables import hyperparameters_of, state_optimizers

_COMPILED = ("loss", "loss_weights", "metrics", "weighted_metrics")
# What else would train other steps, as far as plain numbers can tell.
_FITTED = ("batch_size", "class_weight", "shuffle", "validation_split", "steps_per_epoch")
_DATA = ("x", "y", "sample_weight")
OPTIMIZERS = "optimizers"
# What a position in the middle of an epoch stands for depends on these.
_OF_EPOCH = ("steps", "batch_size")
_SAMPLE = 16


def setup_of(model: keras.Model, steps: int | None) -> dict[str, Any]:
    """Return it as nested lists, dicts, strings and numbers.

    Args:
        model: the model that trains, before its first step.
        steps: how many steps an epoch has, None if that is unknown.
    """
    fit = running_fit(model)
    arguments = fit.arguments if fit else {}
    given = compiled_with(model)
    return {
        OPTIMIZERS: optimizer_settings(model),
        **{name: described(given.get(name)) for name in _COMPILED},
        **{name: described(arguments.get(name)) for name in _FITTED},
        "steps": steps,
        **{name: _data(arguments[name]) for name in _DATA if arguments.get(name) is not None},
    }


def optimizer_settings(model: keras.Model) -> list[Any]:
    """Return the settings of each optimizer as they are now."""
    settings = []
    for optimizer in state_optimizers(model):
        config = described(optimizer)
        config.pop("inner_optimizer", None)  # Has a place of its own.
        settings.append(config)
    return settings


class Edits:
    """How a script differs from the one that wrote a snapshot.

    Args:
        before: the setup in the snapshot; empty in one of an older version, which had none.
        now: that of the script.
    """

    def __init__(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        self._now = now
        shared = {name: now.get(name) for name in before}
        self._found = list(differences("", before, shared))

    def sentences(self) -> list[str]:
        """Return each difference in words."""
        return [
            f"`{self._place(place)}` was {shown(theirs)} and is {shown(mine)}"
            for place, theirs, mine in self._found
        ]

    @property
    def of_epoch(self) -> bool:
        """Whether an epoch has other steps now."""
        return any(place in _OF_EPOCH for place, _, _ in self._found)

    def apply(self, model: keras.Model) -> None:
        """Give the optimizers the numbers of the script that a snapshot has replaced."""
        held = {name for numbers in hyperparameters_of(model) for name in numbers}
        for optimizer, name, value in self._of_optimizers(model):
            if name == "learning_rate" or name in held:
                setattr(optimizer, name, value)

    def _of_optimizers(self, model: keras.Model) -> Iterator[tuple[Any, str, Any]]:
        for i, optimizer in enumerate(state_optimizers(model)):
            begin = f"{OPTIMIZERS}[{i}]."
            for place, _, mine in self._found:
                if place.startswith(begin) and not isinstance(mine, (dict, str)):
                    yield optimizer, place.removeprefix(begin), mine

    def _place(self, place: str) -> str:
        only_one = len(self._now[OPTIMIZERS]) == 1
        return place.replace(f"{OPTIMIZERS}[0]", "optimizer") if only_one else place


def edited_since(setup: dict[str, Any], before: list[Any], left: list[Any]) -> dict[str, Any]:
    """Return the setup of a `fit` that goes on with one of the same model in this process.

    What the callbacks have changed in the optimizers during that one is no edit of the script.

    Args:
        setup: the setup as it is found now.
        before: settings of the optimizers before that `fit`.
        left: those at its end.
    """
    now = setup[OPTIMIZERS]
    if not len(before) == len(left) == len(now):
        return setup
    optimizers = [
        {name: a.get(name) if value == b.get(name) else value for name, value in c.items()}
        for a, b, c in zip(before, left, now, strict=True)
    ]
    return {**setup, OPTIMIZERS: optimizers}


def described(value: Any) -> Any:
    """Return what tells a setting from another: its numbers, or its name."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    if isinstance(value, functools.partial):
        return [described(value.func), described(value.args), described(value.keywords)]
    if hasattr(value, "get_config") and not isinstance(value, type):
        config = described(_config(value))
        if isinstance(config.get("name"), str):
            config["name"] = without_counters(config["name"])
        return {"class": type(value).__name__, **config}
    return getattr(value, "__qualname__", type(value).__name__)


def _config(value: Any) -> Mapping[str, Any]:
    try:
        return value.get_config()
    except Exception:  # It does not tell, or not now.
        return {}


def _data(value: Any) -> Any:
    """Return the shapes of arrays and a checksum of some of their rows; of other data its class."""
    leaves = keras.tree.flatten(value)
    if all(isinstance(leaf, (bool, int, float, str)) for leaf in leaves):
        leaves = [np.asarray(value)]
    found = [_array(leaf) for leaf in leaves]
    return found[0] if len(found) == 1 else found


def _array(array: Any) -> str:
    try:
        shape = tuple(array.shape)
        rows = array[:: max(1, shape[0] // _SAMPLE)] if shape and shape[0] else array
        values = np.asarray(keras.ops.convert_to_numpy(rows))
    except Exception:  # No array, or one of a kind that cannot be looked at in this way.
        return type(array).__name__
    if values.dtype.hasobject and not all(isinstance(x, (str, bytes)) for x in values.flat):
        return f"{shape} {type(array).__name__}"
    content = repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()
    return f"{shape} {values.dtype}, checksum {zlib.crc32(content):08x}"
