"""What training changes: variables, assigned hyperparameters, and the random streams."""

import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_trainkit import _backend
from keras_trainkit._keras_internals import (
    global_seed,
    layers_of,
    models_in,
    optimizers_in,
    trained_variables,
    with_wrapped,
)
from keras_trainkit._older_state import present_form
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber, is_runtime_number

_TEXTS_AND_DATES = "SUMm"


def state_optimizers(model: keras.Model) -> list[Any]:
    """Return the optimizers of a model: that of `compile`, and those in attributes.

    They may be its own, and those of the models inside it.
    """
    values = (
        one for m in models_in(model) for one in (getattr(m, "optimizer", None), *vars(m).values())
    )
    return list({id(one): one for one in with_wrapped(optimizers_in(values))}.values())


def state_variables(model: keras.Model) -> list[Any]:
    """Return the weights, seeds and states of a model, and what its optimizers hold.

    Hyperparameters that the user or a callback assigns are not among them.
    """
    of_optimizers = (v for optimizer in state_optimizers(model) for v in optimizer.variables)
    return _lasting([*own_variables(model), *of_optimizers])


def own_variables(model: keras.Model) -> list[Any]:
    """Return the weights, seeds and states of a model without those of its optimizers."""
    return _lasting([*model.variables, *_recurrent_states(model)])


def build_optimizer(model: keras.Model) -> None:
    """Create an optimizer's variables before the first step, as TensorFlow's trainer does in it."""
    if model.built and isinstance(model.optimizer, keras.optimizers.Optimizer):
        build_for(model, model.optimizer, model.trainable_variables)


def build_for(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]
) -> None:
    """Build an optimizer of a model, as its first step would, unless it is built."""
    if optimizer.built:
        return
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's.
    scope = contextlib.nullcontext() if strategy is None else strategy.scope()
    with scope, keras.name_scope(optimizer.name, caller=optimizer):
        optimizer.build(variables)


def built_optimizers(model: keras.Model) -> dict[str, Any]:
    """Return how many variables are the model's own, and which each optimizer was built for.

    These are numbers of `state_variables`; None stands for an optimizer that is not built, or for
    what is not among them.
    """
    numbers = {id(variable): i for i, variable in enumerate(state_variables(model))}

    def of_optimizer(optimizer: keras.optimizers.Optimizer) -> list[int] | None:
        trained = [id(one) for one in trained_variables(optimizer)] if optimizer.built else []
        known = trained and all(one in numbers for one in trained)
        return [numbers[one] for one in trained] if known else None

    return {
        "own": len(own_variables(model)),
        "optimizers": [of_optimizer(optimizer) for optimizer in state_optimizers(model)],
    }


def build_optimizers(model: keras.Model, built: dict[str, Any]) -> None:
    """Build the optimizers that were built according to `built_optimizers`, and no other.

    As long as variables of the model are missing, the numbers say nothing.
    """
    if not built:  # A snapshot of an older version.
        return build_optimizer(model)
    variables = own_variables(model)
    if len(variables) != built["own"]:
        return
    for optimizer, trained in zip(state_optimizers(model), built["optimizers"], strict=False):
        if trained is not None and max(trained) < len(variables):
            build_for(model, optimizer, [variables[i] for i in trained])


def values_of(variables: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yield the values, one by one, as arrays of NumPy that may share memory with the variable."""
    for variable in variables:
        yield keras.ops.convert_to_numpy(variable)


def check_values(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Raise a ValueError unless there is an array of numbers of its shape for every variable."""
    shapes = [tuple(variable.shape) for variable in variables]
    found = [np.shape(value) for value in map(present_form, variables, values)]
    if shapes != found or any(value.dtype.kind in _TEXTS_AND_DATES for value in values):
        raise ValueError(f"its {len(found)} arrays are not those of {len(shapes)} variables")


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
    if not has_hyperparameters(model, values):
        here = [[number.name for number in held] for _, held in _hyperparameters(model)]
        raise ValueError(
            "a layer or optimizer is one of another package: the numbers that may be assigned in "
            f"training are {[[*saved] for saved in values]} there and {here} here"
        )
    numbers = [held for _, held in _hyperparameters(model)]
    for held, saved in zip(numbers, values, strict=True):
        for number in held:
            number.check(number.name, saved[number.name])


def has_hyperparameters(model: keras.Model, values: list[dict[str, float]]) -> bool:
    """Say whether the model has, already, all of them."""
    held = [{number.name for number in numbers} for _, numbers in _hyperparameters(model)]
    return held == [set(saved) for saved in values]


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
    with random_streams_kept():
        set_generator_states(states)


@contextlib.contextmanager
def random_streams_kept() -> Iterator[None]:
    """Have the streams of the global random generators go on afterwards as if nobody had drawn."""
    before = generator_states()
    try:
        yield
    finally:
        set_generator_states(before)


def _lasting(variables: Iterable[Any]) -> list[Any]:
    """Return each variable once, without those that only repeat a number."""
    unique = {id(variable): variable for variable in variables}
    return [variable for variable in unique.values() if not is_runtime_number(variable)]


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
