"""The optimizers that train a model, each with a learning rate of its own, and what to call them.

Keras's own training step uses the optimizer of `compile` alone. A step of the user's own may use
others: in attributes of the model, as in adversarial training, or in models inside it. Which ones
it does use shows in the training only, so this is a rule, and `other_optimizers` are to be watched.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from keras_trainkit import _validation
from keras_trainkit._keras_internals import models_in, optimizers_in, wrapped_optimizers

Optimizer = keras.optimizers.Optimizer

# How the attributes begin in which TensorFlow holds all that it tracks once more.
_OF_TENSORFLOW = "_self_"


def training_optimizers(model: keras.Model) -> dict[str, Any]:
    """Return the optimizers that train a compiled model, wrappers replaced by what they wrap.

    Of a step of the user's own these are the optimizer given to `compile` and those in attributes;
    without any, those that models inside were compiled with; or else the default of `compile`.

    An optimizer is called like the attribute that holds it, or, inside of a `MultiOptimizer`, by
    its own name, which is that of its class unless the user gave another.
    """
    outermost = _outermost(model)
    found: dict[str, Any] = {}
    for place, optimizer in outermost.items():
        for name, leaf in _leaves(place, optimizer):
            name = name.removeprefix(f"{place}.") if len(outermost) == 1 else name
            found[_unlike(found, name)] = leaf
    if not found:
        raise _validation.invalid(
            "model",
            "compiled with an optimizer, and built if a function chooses its optimizers",
            model.name,
        )
    return found


def other_optimizers(model: keras.Model) -> dict[str, Any]:
    """Return the optimizers of a model that are not known to train it."""
    training = training_optimizers(model).values()
    places = {**_held(model), **_compiled_inside(model), "optimizer": model.optimizer}
    leaves = (leaf for place, one in places.items() if one for leaf in _leaves(place, one))
    return {name: leaf for name, leaf in leaves if not any(leaf is one for one in training)}


def _outermost(model: keras.Model) -> dict[str, Any]:
    compiled = {"optimizer": model.optimizer} if model.optimizer else {}
    if _has_keras_step(model):
        return compiled
    given = {} if _is_default(model) else compiled
    others = {
        place: optimizer
        for place, optimizer in _held(model).items()
        if optimizer is not model.optimizer
    }
    return {**given, **others} or _compiled_inside(model) or compiled


def _has_keras_step(model: keras.Model) -> bool:
    return all(
        getattr(type(model), name) is getattr(keras.Model, name) and name not in vars(model)
        for name in ("train_step", "make_train_function")
    )


def _is_default(model: keras.Model) -> bool:
    """Say whether it has the optimizer that `compile` makes where it is given none."""
    default = keras.optimizers.RMSprop(name="rmsprop")  # To be named, Keras would count it.
    configs = [one.get_config() | {"name": ""} for one in (model.optimizer, default) if one]
    return type(model.optimizer) is type(default) and configs[0] == configs[1]


def _held(model: keras.Model) -> dict[str, Any]:
    """Return the optimizers in attributes of a model and of models inside it, each once."""
    found: dict[str, Any] = {}
    for part in models_in(model):
        prefix = "" if part is model else f"{part.name}."
        for attribute, value in vars(part).items():
            if attribute == "optimizer" or attribute.startswith(_OF_TENSORFLOW):
                continue
            for name, optimizer in _nested(attribute, value):
                if not any(optimizer is one for one in found.values()):
                    found[_unlike(found, prefix + name)] = optimizer
    return found


def _compiled_inside(model: keras.Model) -> dict[str, Any]:
    inside = [m for m in models_in(model) if m is not model and getattr(m, "optimizer", None)]
    return {f"{part.name}.optimizer": part.optimizer for part in inside}


def _nested(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the optimizers in an attribute, also in lists and dicts, and what to call them."""
    if isinstance(value, Optimizer):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        items: Iterable = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            yield from ((f"{name}_{key}", found) for found in optimizers_in([one]))


def _leaves(name: str, optimizer: Any) -> Iterator[tuple[str, Any]]:
    wrapped = wrapped_optimizers(optimizer)
    if wrapped is None:
        yield name, optimizer
    else:
        several = hasattr(optimizer, "optimizers")
        for one in wrapped:
            yield from _leaves(f"{name}.{_own_name(one)}" if several else name, one)


def _own_name(optimizer: Any) -> str:
    """Return what the user called an optimizer, or the class of one that Keras named."""
    # Keras counts: its name of the second `Adam` of a process is "adam_1".
    of_class = type(optimizer).__name__.lower()
    by_keras = re.sub(r"_\d+$", "", optimizer.name).replace("_", "") == of_class
    return of_class if by_keras else optimizer.name


def _unlike(taken: dict[str, Any], name: str) -> str:
    """Return a name that is not taken: the second "adam" is "adam_2"."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
