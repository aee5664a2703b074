"""Hyperparameters that can change between two training steps without a new trace."""

from typing import Any

import keras
from keras import ops

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
                lambda shape, dtype: ops.full(shape, self.value, dtype),
                shape=(),
                dtype=at_least_float32(layer.compute_dtype),
                trainable=False,
                autocast=False,
                name=name,
            )

    def assign(self, value: float) -> None:
        """Set the number; the next training step reads it."""
        if _held_by_jax_trainer(self.variable):
            raise RuntimeError(
                f"`{self.name}` must be assigned through the callback's `self.model` while an "
                f"epoch runs on JAX: `self.model.get_layer(...).{self.name} = {value}`. "
                f"Received: {self.name}={value}"
            )
        self.value = value
        self.variable.assign(value)

    def read(self) -> Any:
        """Return what the running step computes with: on PyTorch the number, else a tensor."""
        if keras.backend.backend() == "torch":
            return self.value
        return ops.convert_to_tensor(self.variable)

    def config(self) -> float:
        """Return what makes an equal layer."""
        return self.value

    @property
    def threaded(self) -> list[keras.Variable]:
        """What must be among the layer's `variables` for compiled steps to read it."""
        # JAX bakes every other value into the trace.
        return [self.variable] if keras.backend.backend() == "jax" else []


class ScheduledNumber:
    """A number in `[0, 1)` that a schedule gives for each training call of a layer.

    The calls are counted by the layer's seed generator, so that no further variable is needed and
    a file that holds the random stream's position holds the schedule's as well.
    """

    threaded: tuple[keras.Variable, ...] = ()

    def __init__(
        self,
        name: str,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        seed_generator: keras.random.SeedGenerator,
        dtype: str,
    ) -> None:
        self.name = name
        self.schedule = schedule
        self.dtype = dtype
        self._seed_generator = seed_generator

    @property
    def value(self) -> float:
        """The number of the next training call."""
        if _held_by_jax_trainer(self._seed_generator.state):
            raise RuntimeError(
                f"`{self.name}` must be read through the callback's `self.model` while an epoch "
                f"runs on JAX and a schedule gives it: `self.model.get_layer(...).{self.name}`"
            )
        return float(ops.convert_to_numpy(self.read()))

    def assign(self, value: float) -> None:
        """Refuse: the schedule would overwrite it."""
        raise TypeError(
            f"`{self.name}` must be a number to be assigned; here a schedule gives it: "
            f"{self.schedule}. Received: {self.name}={value}"
        )

    def read(self) -> Any:
        """Return the number as a tensor for the running step."""
        number = ops.cast(self.schedule(self._seed_generator.state.value[1]), self.dtype)
        return ops.clip(number, 0, 1 - 2.0**-24)

    def config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        return keras.saving.serialize_keras_object(self.schedule)


def _held_by_jax_trainer(variable: keras.Variable) -> bool:
    # `fit` on JAX empties the variables and carries their values in its own hands until something
    # reads `Callback.model`: before that there is no value, and one assigned would be overwritten.
    return variable._value is None and variable._initializer is None
