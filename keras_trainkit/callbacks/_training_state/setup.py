"""What the script gave to `compile` and `fit`: a training is gone on with, and may be edited."""

import functools
import re
import types
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_trainkit._fit import running_fit
from keras_trainkit._keras_internals import compiled_with, layers_of
from keras_trainkit.callbacks._training_state.fingerprint import (
    differences,
    edit_in_words,
    without_counters,
)
from keras_trainkit.callbacks._training_state.variables import hyperparameters_of, state_optimizers

_COMPILED = ("loss", "loss_weights", "metrics", "weighted_metrics")
# What else would train or measure otherwise, and what `fit` takes where it is not given.
_FITTED: dict[str, Any] = {
    "batch_size": 32,
    "class_weight": None,
    "shuffle": True,
    "steps_per_epoch": None,
    "initial_epoch": 0,
    "validation_split": 0.0,
    "validation_freq": 1,
    "validation_steps": None,
}
_DATA = ("x", "y", "sample_weight", "validation_data")
OPTIMIZERS, ATTRIBUTES, RATE = "optimizers", "attributes", "learning_rate"
# Attributes of a model that Keras and PyTorch use themselves.
_OF_KERAS = (
    *("name", "built", "compiled", "loss", "optimizer", "history", "stop_training", "training"),
    *("autocast", "supports_jit", "supports_masking", "jit_compile", "run_eagerly"),
    *("steps_per_execution", "unrolled_steps_per_execution", "train_function"),
    *("test_function", "predict_function", "input_names", "output_names"),
)
# What a position in the middle of an epoch stands for depends on these.
_OF_EPOCH = ("steps", "batch_size", *_COMPILED)
_SAMPLE = 16
PLAIN = (str, bool, int, float)


def setup_of(model: keras.Model, steps: int | None) -> dict[str, Any]:
    """Return it as nested lists, dicts, strings and numbers.

    Args:
        model: the model that trains, before its first step.
        steps: how many steps an epoch has, None if that is unknown.
    """
    given, fit = compiled_with(model), running_fit(model)
    setup = {
        **changing_settings(model),
        "frozen": ", ".join(_frozen(model)) or None,
        **{name: described(given.get(name)) for name in _COMPILED},
    }
    if fit is None:
        return setup  # A loop of the user's own does not tell.
    return {
        **setup,
        **{name: described(_given(fit.arguments, name)) for name in _FITTED},
        "steps": steps,
        **{name: _data(fit.arguments.get(name)) for name in _DATA},
    }


def comes_in_another_order(data: Any) -> bool:
    """Say whether Keras gives batches in an order that depends on the epochs before.

    What the workers have ready at the end of one is what the next one begins with.
    """
    if not isinstance(data, keras.utils.PyDataset):
        return False
    works_ahead = data.workers > 1 or (data.workers > 0 and data.use_multiprocessing)
    batches = data.num_batches
    return works_ahead and (batches is None or batches > data.max_queue_size)


def _frozen(model: keras.Model) -> list[str]:
    return [without_counters(one.name) for one in layers_of(model) if not one.trainable]


def changing_settings(model: keras.Model) -> dict[str, Any]:
    """Return what was given to a model and may be changed while it trains.

    A model with a step of its own keeps its losses and numbers in attributes.
    """
    own = {name: value for name, value in vars(model).items() if name[0] != "_"}
    told = {name: value for name, value in own.items() if name not in _OF_KERAS and _tells(value)}
    return {OPTIMIZERS: optimizer_settings(model), ATTRIBUTES: described(told)}


def optimizer_settings(model: keras.Model) -> list[Any]:
    """Return the settings of each optimizer as they are now."""
    settings = []
    for optimizer in state_optimizers(model):
        config = described(optimizer)
        for wrapped in ("inner_optimizer", "optimizer_map"):
            config.pop(wrapped, None)  # Has a place of its own.
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
        self._found = list(differences("", *_of_both(before, now)))

    def sentences(self, of_optimizers: bool = False) -> list[str]:
        """Return each difference in words, or each between the optimizers."""
        return [
            edit_in_words(self._place(place), theirs, mine)
            for place, theirs, mine in self._found
            if place.startswith(OPTIMIZERS) or not of_optimizers
        ]

    @property
    def of_epoch(self) -> bool:
        """Whether an epoch has other steps now."""
        places = (re.match(r"\w+", place) for place, _, _ in self._found)
        return any(place is not None and place[0] in _OF_EPOCH for place in places)

    def apply(self, model: keras.Model) -> None:
        """Give the optimizers the numbers of the script that a snapshot has replaced."""
        held = {name for numbers in hyperparameters_of(model) for name in numbers}
        for optimizer, name, value in self._of_optimizers(model):
            if name == RATE or name in held:
                setattr(optimizer, name, value)

    def _of_optimizers(self, model: keras.Model) -> Iterator[tuple[Any, str, Any]]:
        for i, optimizer in enumerate(state_optimizers(model)):
            begin = f"{OPTIMIZERS}[{i}]."
            for place, _, mine in self._found:
                if place.startswith(begin) and isinstance(mine, (int, float)):
                    yield optimizer, place.removeprefix(begin), mine

    def _place(self, place: str) -> str:
        only_one = len(self._now[OPTIMIZERS]) == 1
        return place.replace(f"{OPTIMIZERS}[0]", "optimizer") if only_one else place


def edited_since(
    setup: dict[str, Any], before: dict[str, Any], left: dict[str, Any]
) -> dict[str, Any]:
    """Return the setup of a `fit` that goes on with one of the same model in this process.

    What the callbacks and the steps have changed during that one is no edit of the script.

    Args:
        setup: the setup as it is found now.
        before: the setup of that `fit`.
        left: `changing_settings` at its end.
    """
    edited = {**setup, ATTRIBUTES: _edited(*(one[ATTRIBUTES] for one in (before, left, setup)))}
    optimizers = [one[OPTIMIZERS] for one in (before, left, setup)]
    if len({len(one) for one in optimizers}) == 1:
        edited[OPTIMIZERS] = [_edited(*each) for each in zip(*optimizers, strict=True)]
    return edited


def _edited(before: dict[str, Any], left: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    # An optimizer whose step failed on JAX may not tell all of its settings.
    own = {name: one for name, one in now.items() if one != left.get(name, before.get(name))}
    return {**before, **own}


def described(value: Any) -> Any:
    """Return what tells a setting from another: its numbers, or its name."""
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, functools.partial):
        return [described(value.func), described(value.args), described(value.keywords)]
    if isinstance(value, types.FunctionType):
        return _function(value)
    if isinstance(value, type):
        return value.__qualname__
    config = described(_config(value))
    if isinstance(config.get("name"), str):
        config["name"] = without_counters(config["name"])
    return {"class": type(value).__name__, **config}


def _config(value: Any) -> Mapping[str, Any]:
    """Return what an object says of itself, or else its plain attributes."""
    try:
        return value.get_config()
    except Exception:  # It does not tell, or not now.
        own = getattr(value, "__dict__", {}).items()
        return {name: one for name, one in own if name[0] != "_" and isinstance(one, PLAIN)}


def _function(function: types.FunctionType) -> list[Any]:
    """Return the name of a function, the numbers and names in its code, and what it encloses."""
    code = function.__code__
    plain = [one for one in code.co_consts if isinstance(one, PLAIN)]
    written = [one for one in plain if one not in (function.__doc__, function.__qualname__)]
    enclosed = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    held = [one for one in enclosed if isinstance(one, PLAIN)]
    return [function.__qualname__, [*written, *code.co_names], held]


def _tells(value: Any) -> bool:
    """Say whether an attribute is a number, a text, a loss, a function, or some of them."""
    if isinstance(value, (list, tuple, Mapping)):
        return all(map(_tells, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, (*PLAIN, keras.losses.Loss, types.FunctionType))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _given(arguments: Mapping[str, Any], name: str) -> Any:
    value = arguments.get(name)
    return _FITTED[name] if value is None else value


def _of_both(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict, dict]:
    """Return what both setups tell: another version of Keras or of this package may tell more."""
    theirs, mine = _shared(before, now)
    optimizers = theirs.get(OPTIMIZERS, []), mine.get(OPTIMIZERS, [])
    if len(optimizers[0]) == len(optimizers[1]):
        pairs = [_shared(one, other) for one, other in zip(*optimizers, strict=True)]
        theirs[OPTIMIZERS], mine[OPTIMIZERS] = [one for one, _ in pairs], [one for _, one in pairs]
    return theirs, mine


def _shared(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[dict, dict]:
    names = [name for name in one if name in other]
    return {name: one[name] for name in names}, {name: other[name] for name in names}


def _data(value: Any) -> Any:
    """Return the shapes of arrays and a checksum of some of their rows; of other data its class."""
    if value is None:
        return None
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
