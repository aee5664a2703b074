"""The rate of dropout where a schedule gives it for each training call."""

from typing import Any

import keras
from keras import ops

from keras_trainkit._keras_internals import held_by_jax_trainer
from keras_trainkit._tensors import Tensor


class ScheduledRate:
    """A rate in `[0, 1]` that a schedule gives for each training call of a layer.

    The calls are counted by the layer's seed generator, so that no further variable is needed and
    a file that holds the random stream's position holds the schedule's as well.
    """

    threaded: tuple[keras.Variable, ...] = ()

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        seed_generator: keras.random.SeedGenerator,
        dtype: str,
    ) -> None:
        self.schedule = schedule
        self.dtype = dtype
        self._seed_generator = seed_generator

    @property
    def value(self) -> float:
        """The rate of the next training call."""
        if held_by_jax_trainer(self._seed_generator.state):
            raise RuntimeError(
                "`rate` must be read through the callback's `self.model` while an epoch "
                "runs on JAX and a schedule gives it: `self.model.get_layer(...).rate`"
            )
        return float(ops.convert_to_numpy(self.read()))

    def assign(self, value: float) -> None:
        """Refuse: the schedule would overwrite it."""
        raise TypeError(
            "`rate` must be a number to be assigned; here a schedule gives it: "
            f"{self.schedule}. Received: rate={value}"
        )

    def read(self) -> Tensor:
        """Return the rate as a tensor for the running step."""
        rate = ops.cast(self.schedule(self._seed_generator.state.value[1]), self.dtype)
        return ops.clip(rate, 0, 1)

    def config(self) -> dict[str, Any]:
        """Return what makes an equal layer."""
        return keras.saving.serialize_keras_object(self.schedule)
