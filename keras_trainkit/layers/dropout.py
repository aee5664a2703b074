"""Inverted dropout whose rate can change during training."""

from typing import Any

import keras
from keras import ops

from keras_trainkit._register import register
from keras_trainkit._validation import integer, invalid, real
from keras_trainkit.layers._drop import drop
from keras_trainkit.layers._runtime import RuntimeNumber


@register
class Dropout(keras.layers.Layer):
    """Dropout, scaled during training so that inference is the identity.

        mask = u >= rate,   u ~ U[0, 1)
        y = x * mask / (1 - rate)                             (Srivastava et al. 2014, section 10)

    Every training step draws new `u`; the gradient is `mask / (1 - rate)` with the same mask. At
    inference, and for a rate of 0, `y = x`. The noise and the scaling are computed in float32 at
    least. `rate` is a number that compiled steps read when they run: assign it at any time, for
    example from a callback, and the next step uses it without a new trace. A `.keras` file holds
    the present rate; a weights file holds nothing of this layer, as with Keras's.

    Args:
        rate: float in `[0, 1)`. Expected fraction of the units to zero.
        noise_shape: sequence of positive ints or `None`, or `None`. Shape of the mask, which is
            broadcast to the inputs; a `None` entry takes the inputs' size. `(None, 1, None)` drops
            the same features in all steps of a sequence. Defaults to `None`, the inputs' shape.
        seed: int >= 0 or `None`. Start of this layer's random stream. Defaults to `None`, which
            draws one; `keras.utils.set_random_seed` makes that reproducible.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor of any shape.
        training: bool. Whether to drop. Defaults to `False`.

    Raises:
        ValueError: if `rate` is outside `[0, 1)`, or `noise_shape` or `seed` is malformed.
        RuntimeError: on JAX, if a callback assigns `rate` in the middle of an epoch to a layer that
            it did not reach through `self.model`; the trainer would overwrite the assignment.

    Differs from Keras: `rate` may be assigned during training. A rate of 1 is refused, because
    `1 / (1 - rate)` does not exist. The random stream is another one.

    Example:
        >>> import keras
        >>> from keras_trainkit.layers import Dropout
        >>> x = keras.ops.ones((100, 100))
        >>> layer = Dropout(0.5, seed=1)
        >>> y = layer(x, training=True)
        >>> float(keras.ops.max(y))
        2.0
        >>> layer.rate = 0.9
        >>> y = layer(x, training=True)
        >>> round(float(keras.ops.mean(y == 0)), 1)
        0.9

    Reference: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple
        way to prevent neural networks from overfitting, JMLR 15, sections 4 and 10.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Check the arguments; start the random stream."""
        super().__init__(**kwargs)
        self._rate = RuntimeNumber("rate", _checked_rate(rate), self)
        self.noise_shape = _checked_noise_shape(noise_shape)
        self.seed = None if seed is None else integer("seed", seed, low=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.built = type(self).build is keras.layers.Layer.build

    @property
    def rate(self) -> float:
        """The fraction of units to drop, from the next training step on."""
        return self._rate.value

    @rate.setter
    def rate(self, value: float) -> None:
        self._rate.assign(_checked_rate(value))

    @property
    def variables(self) -> list[keras.Variable]:
        """The layer's state: that of its random stream, and on JAX the rate."""
        return super().variables + self._rate.threaded

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs with a part of the units dropped, if `training`."""
        if not training:
            return inputs
        return drop(inputs, self._rate.tensor(), self.seed_generator, self._noise_shape_of(inputs))

    def _noise_shape_of(self, inputs: Any) -> Any:
        if self.noise_shape is None:
            return None
        shape = ops.shape(inputs)
        if len(self.noise_shape) != len(shape):
            raise invalid("noise_shape", f"of the inputs' rank {len(shape)}", self.noise_shape)
        return tuple(
            size if entry is None else entry
            for entry, size in zip(self.noise_shape, shape, strict=True)
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, with the present rate."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }


def _checked_rate(rate: Any) -> float:
    return real("rate", rate, low=0, high=1, high_open=True)


def _checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    try:
        return tuple(
            entry if entry is None else integer("noise_shape", entry, low=1)
            for entry in noise_shape
        )
    except (TypeError, ValueError) as error:
        requirement = "a sequence of positive integers and None"
        raise invalid("noise_shape", requirement, noise_shape) from error
