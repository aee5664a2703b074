"""Layers, optimizers, losses and the like as the code that makes them."""

import contextlib
import importlib
import inspect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit._keras_internals import without_tensorflow
from keras_trainkit.diagnosis._preflight.activations import in_snake_case

# What Keras adds to every configuration, and what a remedy does not speak of.
_SILENT = ("name", "dtype", "trainable", "backward_layer", "quantization_config")
_ROOMS = ("keras", "keras_trainkit")
# What arguments may say for the name of a class.
_SHORT = {"uniform": "random_uniform", "normal": "random_normal"}
# So many names deep are public classes: `keras.optimizers.schedules`.
_DEPTH = 2


def arguments_of(thing: Any) -> dict[str, str]:
    """Return the arguments of a constructor that are not its defaults, each as code.

    Those that have no default stand in front.

    Raises:
        ValueError: if it is made by code of the user's.
    """
    name_of(type(thing))
    with without_tensorflow():
        config = thing.get_config()
    return _arguments(type(thing), config)


def code_of(value: Any) -> str:
    """Return a value, or what Keras makes of an object for a file, as code.

    Raises:
        ValueError: if no code is known for it.
    """
    if isinstance(value, Mapping) and {"class_name", "config"} <= set(value):
        return _of_object(value)
    if isinstance(value, Mapping):
        pairs = (f"{code_of(key)}: {code_of(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return _of_sequence(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        return _of_float(value)
    if value is None or isinstance(value, bool | int | np.integer):
        return str(value)
    if inspect.isfunction(value) or inspect.isclass(value):
        return _of_callable(value)
    return made_by(value)


def made_by(thing: Any) -> str:
    """Return the call of the constructor that makes an object; of a class of the user's, its name.

    Its arguments are the user's to know.
    """
    kind = type(thing)
    if kind.__module__.partition(".")[0] not in _ROOMS:
        return kind.__name__
    return _call(name_of(kind), kind, thing.get_config())


def name_of(kind: type) -> str:
    """Return by which name a script reaches a class: `keras.layers.Dense`.

    A backend has optimizers of its own, which are heirs of the public ones and bear their names.

    Raises:
        ValueError: if Keras and this package have no such class.
    """
    is_ours = kind.__module__.partition(".")[0] in _ROOMS
    for each in inspect.getmro(kind) if is_ours and inspect.isclass(kind) else (kind,):
        place = _public_place(each.__module__, each.__name__)
        if place and each.__name__ == kind.__name__:
            return place
    raise ValueError(f"`kind` must be of Keras or of this package. Received: kind={kind!r}")


def _public_place(module: str, name: str) -> str:
    root, *rooms = [part for part in module.split(".") if part != "src"]
    for depth in range(1, 1 + min(len(rooms), _DEPTH)) if root in _ROOMS else ():
        place = ".".join((root, *rooms[:depth]))
        with contextlib.suppress(ModuleNotFoundError):
            if hasattr(importlib.import_module(place), name):
                return f"{place}.{name}"
    return ""


def _of_object(config: Mapping[str, Any]) -> str:
    if config["class_name"] == "function":
        return str(config["config"])
    name = config["class_name"]
    kind = getattr(importlib.import_module(config["module"]), name)
    place = name_of(kind)
    if place.startswith("keras.initializers") and not _arguments(kind, config["config"]):
        return f'"{in_snake_case(name)}"'
    return _call(place, kind, config["config"])


def _call(place: str, kind: type, config: Mapping[str, Any]) -> str:
    given = _arguments(kind, config)
    required = [name for name, each in _parameters(kind).items() if each.default is each.empty]
    first = list(itertools.takewhile(given.__contains__, required))
    shown = [given[name] for name in first]
    shown += [f"{name}={code}" for name, code in given.items() if name not in first]
    return f"{place}({', '.join(shown)})"


def _arguments(kind: type, config: Mapping[str, Any]) -> dict[str, str]:
    known = {
        name: each
        for name, each in _parameters(kind).items()
        if name in config and name not in _SILENT
    }
    return {
        name: code_of(config[name])
        for name, each in known.items()
        if each.default is each.empty or not _is_default(config[name], each.default)
    }


def _parameters(kind: type) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a constructor."""
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(kind).parameters
    return {name: each for name, each in parameters.items() if each.kind not in several}


def _is_default(value: Any, default: Any) -> bool:
    if isinstance(value, Mapping) and "class_name" in value and isinstance(default, str):
        return _of_object(value) == f'"{_SHORT.get(default, default)}"'
    if isinstance(value, Sequence) and isinstance(default, int):
        return all(each == default for each in value)
    if isinstance(value, Sequence) and isinstance(default, Sequence) and not isinstance(value, str):
        return list(value) == list(default)
    if isinstance(value, float) and isinstance(default, float):
        return _of_float(value) == _of_float(default)
    unsaid = ("linear", keras.config.image_data_format())
    return bool(value == default) or (default is None and value in unsaid)


def _of_sequence(values: Sequence[Any]) -> str:
    inside = ", ".join(map(code_of, values))
    if isinstance(values, list):
        return f"[{inside}]"
    return f"({inside},)" if len(values) == 1 else f"({inside})"


def _of_float(value: float) -> str:
    """Return the shortest number that is the same in float32, as variables hold it."""
    return str(np.float32(value)) if np.isfinite(value) else f'float("{value}")'


def _of_callable(value: Any) -> str:
    """Return the name of a function or class, with its place where that is public."""
    try:
        return name_of(value)
    except ValueError:
        return value.__name__
