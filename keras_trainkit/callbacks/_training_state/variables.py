"""The variables of a training, as they are and as `fit` will leave them."""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_trainkit import _backend
from keras_trainkit._keras_internals import optimizers_in, optimizers_of, trained_variables
from keras_trainkit._runtime_number import NUMBERS, RuntimeNumber, is_runtime_number


def state_optimizers(model: keras.Model) -> list[Any]:
    """Return the optimizers of a model: that of `compile`, and those in attributes of its own."""
    return list(optimizers_in([*optimizers_of(model), *vars(model).values()]))


def state_variables(model: keras.Model) -> list[Any]:
    """Return what training changes: weights, seeds, states, and what the optimizers hold.

    Numbers that the user or a callback assigns are not among them.
    """
    held = [*model.variables, *_recurrent_states(model)]
    for optimizer in state_optimizers(model):
        held.extend(optimizer.variables)
    unique = {id(variable): variable for variable in held}
    return [variable for variable in unique.values() if not is_runtime_number(variable)]


def _recurrent_states(model: keras.Model) -> Iterator[Any]:
    """Yield the states of stateful recurrent layers, which Keras does not track as variables."""
    for layer in model._flatten_layers():
        states = keras.tree.flatten(getattr(layer, "states", None))
        yield from (state for state in states if isinstance(state, keras.Variable))


def values_of(variables: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yield the values, one by one, as arrays of NumPy that may share memory with the variable."""
    for variable in variables:
        yield keras.ops.convert_to_numpy(variable)


def assign(variables: Iterable[Any], values: Iterable[np.ndarray]) -> None:
    """Give every variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def final_weights(model: keras.Model, at_average: bool) -> Iterator[np.ndarray]:
    """Yield `model.get_weights()` as it would be if `fit` ended now.

    That is the moving average where an optimizer has `use_ema`, unless the model is `at_average`
    already, and the iterate of NAG.
    """
    final: dict[int, Callable[[], Any]] = {}
    for optimizer in optimizers_of(model):
        if getattr(optimizer, "built", False):
            final.update(_final_values(optimizer, at_average))
    for variable in model.weights:
        value = final.get(id(variable))
        yield keras.ops.convert_to_numpy(value() if value else variable)


def end_training(model: keras.Model, at_average: bool = False) -> None:
    """Bring model and optimizer to where `fit` leaves them at its end.

    A model that is `at_average` holds the moving averages, and they hold its weights in exchange.
    """
    for optimizer in optimizers_of(model) if at_average else ():
        for variable, average in _averaged(optimizer):
            average.assign(variable)
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built:
        # A step that failed while it ran has taken the optimizer's arrays on JAX.
        with contextlib.suppress(RuntimeError):
            optimizer.finalize_variable_values(model.trainable_weights)


def build_optimizer(model: keras.Model) -> None:
    """Create an optimizer's variables before the first step, as TensorFlow's trainer does in it."""
    optimizer = model.optimizer
    if model.built and isinstance(optimizer, keras.optimizers.Optimizer) and not optimizer.built:
        with keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(model.trainable_variables)


def _final_values(optimizer: Any, at_average: bool) -> Iterator[tuple[int, Callable[[], Any]]]:
    if getattr(optimizer, "use_ema", False):
        for variable, average in _averaged(optimizer) if not at_average else ():
            yield id(variable), partial(keras.ops.convert_to_tensor, average)
    elif hasattr(optimizer, "_iterate_of"):
        for index, variable in enumerate(trained_variables(optimizer)):
            yield id(variable), partial(optimizer._iterate_of, index)


def _averaged(optimizer: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the variables of which the optimizer keeps a moving average, and the averages."""
    if getattr(optimizer, "use_ema", False):
        averages = optimizer._model_variables_moving_average
        pairs = zip(trained_variables(optimizer), averages, strict=True)
        yield from ((variable, average) for variable, average in pairs if average is not None)


def generator_states() -> dict[str, Any]:
    """Return the states as nested tuples and arrays."""
    states: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    of_backend = _backend.generator_state()
    return states if of_backend is None else {**states, keras.backend.backend(): of_backend}


def set_generator_states(states: dict[str, Any]) -> None:
    """Continue the streams from there."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    of_backend = states.get(keras.backend.backend())
    if of_backend is not None:
        _backend.set_generator_state(of_backend)


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
