"""Scalar variables that change between two steps of a running `fit`, at little cost."""

import abc
import contextlib
from collections.abc import Sequence

import keras

from keras_trainkit._backend import backend_module
from keras_trainkit._keras_internals import jax_state_in_reach


def state_in_reach(model: keras.Model) -> contextlib.AbstractContextManager[None]:
    """Let a running `fit` of `model` keep its scalars where `Scalar.write` finds them."""
    on_jax = keras.backend.backend() == "jax"
    return jax_state_in_reach(model) if on_jax else contextlib.nullcontext()


def scalar(model: keras.Model, variable: keras.Variable) -> "Scalar":
    """Return the fastest way to write a scalar variable of the model or its optimizer.

    Args:
        model: the model that trains, its `state_in_reach`.
        variable: scalar variable.
    """
    if keras.backend.backend() == "torch":
        return AssignedScalar(variable)
    return backend_module(__package__).fast_scalar(model, variable)


def check_reach(model: keras.Model, variable: keras.Variable) -> None:
    """Raise if compiled steps of the model do not read what is written to a scalar variable."""
    scalar(model, variable)


class Scalar(abc.ABC):
    """Writes a variable so that the next step reads the value, whoever holds it now."""

    @abc.abstractmethod
    def expect(self, values: Sequence[float]) -> None:
        """Prepare to write these values."""

    @abc.abstractmethod
    def write(self, value: float) -> None:
        """Let the next step read this value."""


class AssignedScalar(Scalar):
    """Writes by the variable's own `assign`."""

    def __init__(self, variable: keras.Variable) -> None:
        self._variable = variable

    def expect(self, values: Sequence[float]) -> None:
        """Prepare nothing."""

    def write(self, value: float) -> None:
        """Let the next step read this value."""
        self._variable.assign(value)
