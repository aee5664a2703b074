"""Hyperparameters that can change between two training steps without a new trace."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

NUMBERS = "_runtime_numbers"


class RuntimeNumber:
    """A Python number, and the variable through which compiled steps read it.

    The number is the truth. Keras tracks what it finds in the attributes of layers and optimizers;
    inside this object the variable stays out of their weights and of every saved file.

    Args:
        name: str. What the owner's users call the number.
        value: float.
        check: function of the name and a value that returns the value as a float, or raises.
        owner: the layer or optimizer.
        access_path: str. How a callback gets to the owner from `self`.
        dtype: str. Type of the variable.
    """

    def __init__(
        self,
        name: str,
        value: float,
        check: Callable[[str, Any], float],
        owner: Any,
        access_path: str,
        dtype: str,
    ) -> None:
        self.name = name
        self.value = check(name, value)
        self.check = check
        self.access_path = access_path
        with keras.name_scope(owner.name, caller=owner):
            self.variable = keras.Variable(
                lambda shape, dtype: ops.full(shape, self.value, dtype),
                shape=(),
                dtype=dtype,
                trainable=False,
                autocast=False,
                name=name,
            )
        self.variable.holds_runtime_number = True

    def assign(self, value: float) -> None:
        """Set the number; the next training step reads it."""
        value = self.check(self.name, value)
        refuse_if_held(self.name, value, self.variable, self.access_path)
        self.value = value
        self.variable.assign(value)

    def read(self) -> Any:
        """Return what the running step computes with: on PyTorch the number, else a tensor."""
        if keras.backend.backend() == "torch":
            return self.value
        return ops.convert_to_tensor(self.variable)

    def config(self) -> float:
        """Return what makes an equal owner."""
        return self.value

    @property
    def threaded(self) -> list[keras.Variable]:
        """What must be among the owner's `variables` for compiled steps to read it."""
        # JAX bakes every other value into the trace.
        return [self.variable] if keras.backend.backend() == "jax" else []


def traced_value(owner: Any, name: str) -> Any:
    """Return `owner.name` as the running step computes with it: a tensor if it can change."""
    number = vars(owner).get(NUMBERS, {}).get(name)
    return getattr(owner, name) if number is None else number.read()


def is_runtime_number(variable: Any) -> bool:
    """Say whether a variable among a layer's or an optimizer's only repeats a number of Python."""
    return getattr(variable, "holds_runtime_number", False)


def held_by_jax_trainer(variable: keras.Variable) -> bool:
    """Say whether `variable` is empty because `fit` on JAX carries its value in its own hands."""
    # Until something reads `Callback.model` there is no value, and one assigned would be lost.
    return variable._value is None and variable._initializer is None


def refuse_if_held(name: str, value: float, variable: Any, access_path: str) -> None:
    """Raise if assigning would be lost, and say how a callback gets to the owner."""
    if isinstance(variable, keras.Variable) and held_by_jax_trainer(variable):
        raise RuntimeError(
            f"`{name}` must be assigned through the callback's `self.model` while an epoch runs "
            f"on JAX: `{access_path}.{name} = {value}`. Received: {name}={value}"
        )
