"""What training changes: variables, assigned hyperparameters, and the random streams."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit import _backend
from keras_trainkit._keras_internals import global_seed, layers_of, optimizers_in, optimizers_of
from keras_trainkit._older_state import present_form
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber, is_runtime_number

_TEXTS_AND_DATES = "SUMm"


def state_optimizers(model: keras.Model) -> list[Any]:
    """Return the optimizers of a model: that of `compile`, and those in attributes.

    They may be its own, and those of the models inside it.
    """
    models = [layer for layer in layers_of(model) if isinstance(layer, keras.Model)]
    return list(
        optimizers_in(one for m in models for one in (*optimizers_of(m), *vars(m).values()))
    )


def state_variables(model: keras.Model) -> list[Any]:
    """Return the weights, seeds and states of a model, and what its optimizers hold.

    Hyperparameters that the user or a callback assigns are not among them.
    """
    held = [*model.variables, *_recurrent_states(model)]
    for optimizer in state_optimizers(model):
        held.extend(optimizer.variables)
    unique = {id(variable): variable for variable in held}
    return [variable for variable in unique.values() if not is_runtime_number(variable)]


def build_optimizer(model: keras.Model) -> None:
    """Create an optimizer's variables before the first step, as TensorFlow's trainer does in it."""
    optimizer = model.optimizer
    if model.built and isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
        with keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(model.trainable_variables)


def values_of(variables: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yield the values, one by one, as arrays of NumPy that may share memory with the variable."""
    for variable in variables:
        yield keras.ops.convert_to_numpy(variable)


def check_values(variables: Iterable[Any], values: Sequence[np.ndarray]) -> None:
    """Raise a ValueError unless there is an array of numbers of its shape for every variable."""
    variables = list(variables)
    shapes = [tuple(variable.shape) for variable in variables]
    found = [np.shape(value) for value in map(present_form, variables, values)]
    fit = len(values) == len(shapes) and shapes == found
    if not fit or any(value.dtype.kind in _TEXTS_AND_DATES for value in values):
        raise ValueError(f"its {len(values)} arrays are not those of {len(shapes)} variables")


def assign(variables: Iterable[Any], values: Iterable[np.ndarray]) -> None:
    """Give every variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(present_form(variable, value))


def hyperparameters_of(model: keras.Model) -> list[dict[str, float]]:
    """Return those of each layer and optimizer that may be assigned in training, in order."""
    return [{n.name: n.value for n in held} for _, held in _hyperparameters(model)]


def assign_hyperparameters(model: keras.Model, values: list[dict[str, float]]) -> None:
    """Assign those that have another value now."""
    for (owner, held), saved in zip(_hyperparameters(model), values, strict=True):
        for number in held:
            if number.value != saved[number.name]:
                setattr(owner, number.name, saved[number.name])


def check_hyperparameters(model: keras.Model, values: list[dict[str, float]]) -> None:
    """Raise a ValueError if one of them cannot be assigned."""
    numbers = [held for _, held in _hyperparameters(model)]
    if [{n.name for n in held} for held in numbers] != [set(saved) for saved in values]:
        raise ValueError("the hyperparameters are those of other layers or optimizers")
    for held, saved in zip(numbers, values, strict=True):
        for number in held:
            number.check(number.name, saved[number.name])


def repeat_hyperparameters(model: keras.Model) -> None:
    """Give their variables the numbers again, where a step that failed has taken them."""
    for _, held in _hyperparameters(model):
        for number in held:
            number.variable.assign(number.value)


def generator_states() -> dict[str, Any]:
    """Return the states of the global random generators as nested tuples and arrays."""
    states: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    seed = global_seed()
    if seed is not None:
        states["keras"] = np.array(keras.ops.convert_to_numpy(seed))
    of_backend = _backend.generator_state()
    return states if of_backend is None else {**states, keras.backend.backend(): of_backend}


def set_generator_states(states: dict[str, Any]) -> None:
    """Continue their streams from there."""
    if "keras" in states:
        assign([global_seed(create=True)], [states["keras"]])
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    of_backend = states.get(keras.backend.backend())
    if of_backend is not None:
        _backend.set_generator_state(of_backend)


def check_generator_states(states: dict[str, Any]) -> None:
    """Raise what Python, NumPy or PyTorch raise unless their streams can continue from there."""
    present = generator_states()
    try:
        set_generator_states(states)
    finally:
        set_generator_states(present)


def _recurrent_states(model: keras.Model) -> Iterator[Any]:
    """Yield the states of stateful recurrent layers, which Keras does not track as variables."""
    for layer in layers_of(model):
        states = keras.tree.flatten(getattr(layer, "states", None))
        yield from (state for state in states if isinstance(state, keras.Variable))


def _hyperparameters(model: keras.Model) -> Iterator[tuple[Any, list[RuntimeNumber]]]:
    """Yield the layers and optimizers that have any, and the numbers themselves."""
    for owner in (*layers_of(model), *state_optimizers(model)):
        held = [*vars(owner).values(), *vars(owner).get(NUMBERS, {}).values()]
        numbers = [number for number in held if isinstance(number, RuntimeNumber)]
        if numbers:
            yield owner, numbers
