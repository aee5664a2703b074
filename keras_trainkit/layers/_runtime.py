"""Hyperparameters that can change between two training steps without a new trace."""

from typing import Any

import keras

from keras_trainkit._precision import at_least_float32


class RuntimeNumber:
    """A Python number, and the variable through which compiled steps read it.

    The number is the truth. Keras tracks what it finds in a layer's attributes; inside this object
    the variable stays out of the layer's weights and of every saved file.
    """

    def __init__(self, name: str, value: float, layer: keras.Layer) -> None:
        self.name = name
        self.value = value
        with keras.name_scope(layer.name, caller=layer):
            self.variable = keras.Variable(
                lambda shape, dtype: keras.ops.full(shape, self.value, dtype),
                shape=(),
                dtype=at_least_float32(layer.compute_dtype),
                trainable=False,
                autocast=False,
                name=name,
            )

    def assign(self, value: float) -> None:
        """Set the number; the next training step reads it."""
        if self._held_by_jax_trainer():
            raise RuntimeError(
                f"`{self.name}` must be assigned through the callback's `self.model` while an "
                f"epoch runs on JAX: `self.model.get_layer(...).{self.name} = {value}`. "
                f"Received: {self.name}={value}"
            )
        self.value = value
        self.variable.assign(value)

    def tensor(self) -> Any:
        """Return the number as the running step reads it."""
        return keras.ops.convert_to_tensor(self.variable)

    @property
    def threaded(self) -> list[keras.Variable]:
        """What must be among the layer's `variables` for compiled steps to read it."""
        # JAX bakes every other value into the trace.
        return [self.variable] if keras.backend.backend() == "jax" else []

    def _held_by_jax_trainer(self) -> bool:
        # `fit` on JAX empties the variables and carries their values in its own hands until
        # something reads `Callback.model`: an assignment before that would be overwritten.
        return self.variable._value is None and self.variable._initializer is None
