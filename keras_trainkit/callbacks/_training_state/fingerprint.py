"""Which model a snapshot belongs to."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from keras_trainkit._older_state import lasting_shape
from keras_trainkit.callbacks._training_state.variables import state_optimizers, state_variables

# An optimizer's variables hold the name of a layer and its weight in one: dense_2_kernel.
_COUNTER = re.compile(r"_\d+(?=_|\b)")
LONGEST = 80
# What the first batch leaves in a configuration.
_OF_BUILD = ("build_config", "build_input_shape")


def fingerprint(model: keras.Model, configured: Any = None) -> dict[str, Any]:
    """Return what must be equal for a snapshot to fit: configuration, optimizers, shapes.

    The numbers that Keras appends to names are left out: they count what else was built in the
    process. What the model `configured` before training may have been changed in it.
    """
    return {
        "configuration": configured or configuration(model),
        "optimizers": [type(optimizer).__name__ for optimizer in state_optimizers(model)],
        "steps_per_execution": model.steps_per_execution,
        "variables": signatures(state_variables(model)),
    }


def difference(snapshot: dict[str, Any], model: dict[str, Any]) -> str | None:
    """Return the first difference between two fingerprints in words, None if they are equal."""
    for place, theirs, mine in differences("", _lasting(snapshot), _lasting(model)):
        return f"{place or 'the model'} is {shown(theirs)} there and {shown(mine)} here"
    return None


def signatures(variables: Iterable[Any]) -> list[list[Any]]:
    """Return of each variable what is the same in every process: path, shape and type."""
    return [
        [
            without_counters(getattr(variable, "path", variable.name)),
            [*lasting_shape(variable)],
            str(keras.backend.standardize_dtype(variable.dtype)),
        ]
        for variable in variables
    ]


def places_in(whole: Iterable[Any], part: Iterable[Any]) -> list[int] | None:
    """Return where the entries of a list stand in a longer one, None if it is no part of that."""
    rest = enumerate(whole)
    found = [next((i for i, other in rest if other == entry), -1) for entry in part]
    return None if -1 in found else found


def configuration(model: keras.Model) -> Any:
    """Return the configuration of a model as it is now, None if it does not tell."""
    try:
        config = json.dumps(model.get_config(), default=_serialized, sort_keys=True)
    except Exception:
        return None  # A subclass that does not say how it is built: its shapes must do.
    return json.loads(without_counters(config))


def without_counters(text: str) -> str:
    """Return a name, or a text with names, without the numbers that Keras appends to them."""
    return _COUNTER.sub("", text)


def differences(place: str, theirs: Any, mine: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two nested states differ, and what each has there."""
    are_dicts = isinstance(theirs, dict) and isinstance(mine, dict)
    if are_dicts and _class_in(theirs) == _class_in(mine):
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            inner = f"{place}.{key}" if place else key
            yield from differences(inner, theirs.get(key), mine.get(key))
    elif isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        for i, (one, other) in enumerate(zip(theirs, mine, strict=True)):
            yield from differences(f"{place}[{i}]", one, other)
    elif theirs != mine and not (theirs != theirs and mine != mine):  # NaN is as it was.
        yield place, theirs, mine


def edit_in_words(place: str, theirs: Any, mine: Any) -> str:
    """Return what a script said at a place before it was edited, and what it says now."""
    return f"`{place}` was {shown(theirs)} and is {shown(mine)}"


def shown(value: Any) -> str:
    """Return a value in few words."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, float):
        return f"{value:.7g}"  # Of float32 there are no more digits.
    if isinstance(value, dict) and _class_in(value):
        return _shown_object(value)
    return repr(value) if len(repr(value)) < LONGEST else "something else"


def _shown_object(described: dict[str, Any]) -> str:
    """Return what Keras or `described` tells of an object, like the call that made it."""
    config = described.get("config", described)
    given = [f"{n}={shown(one)}" for n, one in config.items() if n not in ("class", "name")]
    settings = ", ".join(given)
    return f"{_class_in(described)}({settings if len(settings) < LONGEST else '...'})"


def _class_in(described: dict[str, Any]) -> Any:
    """Return the class of the object that a dict describes, None if it describes none."""
    return described.get("class", described.get("class_name"))


def _lasting(config: Any) -> Any:
    """Return a configuration without what is another in each process or with each batch.

    The code of a lambda holds the line and the file where it stands.
    """
    if isinstance(config, list):
        return [_lasting(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "__lambda__":
        return {"class_name": "__lambda__"}
    kept = {name: _lasting(item) for name, item in config.items() if name not in _OF_BUILD}
    if "input_layers" not in kept and isinstance(kept.get("layers"), list):
        # A `Sequential`, which has an input layer from when it is built.
        kept["layers"] = [one for one in kept["layers"] if not _is_input(one)]
    if isinstance(kept.get("batch_shape"), list):
        kept["batch_shape"][0] = None
    return kept


def _is_input(config: Any) -> bool:
    return isinstance(config, dict) and config.get("class_name") == "InputLayer"


def _serialized(value: Any) -> Any:
    return keras.saving.serialize_keras_object(value)
