"""Hyperparameters that were assigned while the model trained, such as a dropout's rate."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_trainkit._runtime import NUMBERS, RuntimeNumber
from keras_trainkit.callbacks._snapshot.variables import state_optimizers


def numbers_of(model: keras.Model) -> list[dict[str, float]]:
    """Return the numbers of each layer and optimizer that has any, in order."""
    return [{n.name: n.value for n in numbers} for _, numbers in _owners(model)]


def assign_numbers(model: keras.Model, values: list[dict[str, float]]) -> None:
    """Assign what has another value now."""
    for (owner, numbers), saved in zip(_owners(model), values, strict=True):
        for number in numbers:
            if number.value != saved[number.name]:
                setattr(owner, number.name, saved[number.name])


def _owners(model: keras.Model) -> Iterator[tuple[Any, list[RuntimeNumber]]]:
    for owner in (*model._flatten_layers(), *state_optimizers(model)):
        held = [*vars(owner).values(), *vars(owner).get(NUMBERS, {}).values()]
        numbers = [number for number in held if isinstance(number, RuntimeNumber)]
        if numbers:
            yield owner, numbers
