"""Inverted dropout whose rate can change during training."""

import json
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_trainkit import _validation
from keras_trainkit._keras_internals import ShownToSavedModel
from keras_trainkit._register import register
from keras_trainkit._runtime_number import RuntimeNumber
from keras_trainkit._seeds import folded
from keras_trainkit._tensors import Tensor, at_least_float32, floating
from keras_trainkit.layers._dropout import drop
from keras_trainkit.layers._dropout.noise_shape import checked_noise_shape, noise_shape_for
from keras_trainkit.layers._dropout.scheduled_rate import ScheduledRate

STREAM_FILE = "random_stream.json"


@register
class Dropout(ShownToSavedModel, keras.layers.Layer):
    """Dropout, scaled during training so that inference is the identity.

        mask = u >= rate,   u ~ U[0, 1)
        y = x * mask / (1 - rate)                             (Srivastava et al. 2014, section 10)

    Every training step draws new `u`; the gradient is `mask / (1 - rate)` with the same mask. At
    inference, and for a rate of 0, `y = x`. The scaling is computed in float32 at least. The mask
    is a function of the seed, the step and the position alone. On a CPU, TensorFlow and JAX compute
    it by a hash (not for cryptography) in the forward and again in the backward pass and keep
    nothing in between; PyTorch keeps one byte for each number. `u` has a resolution of 2^-24 at
    least, except 2^-16 on PyTorch for rates up to 1/2, and on TensorFlow without XLA or for inputs
    of unknown sizes besides the batch. Elsewhere, and with a `noise_shape`, Keras draws `u`. In an
    export from PyTorch, in `torch.func` and in forward-mode derivatives, PyTorch draws it: from the
    generator that `torch.manual_seed` sets, or the one of the exported program. There, the seed
    plays no part and the stream does not move. Where a forward pass is computed again for the
    backward one (`keras.RematScope`, `torch.utils.checkpoint`, `tf.recompute_grad`), it is a step
    of its own with a mask of its own, as with Keras's seeded dropout: leave dropout out of that.

    `rate` is a number that compiled steps read when they run: assign it at any time, for example
    from a callback, and the next step uses it without a new trace. It may also be a schedule over
    the training calls of this layer, the first of which is call 0; its values are clipped to
    `[0, 1]`. A `.keras` file holds the present rate and the position in the random stream, so that
    training goes on as if it had not been interrupted; a weights file holds nothing of this layer,
    as with Keras's.

    Args:
        rate: float in `[0, 1]`, expected fraction of the units to zero; or a
            `keras.optimizers.schedules.LearningRateSchedule` that gives it.
        noise_shape: sequence of positive ints or `None`, or `None`. Shape of the mask, which is
            broadcast to the inputs; a `None` entry takes the inputs' size. `(None, 1, None)` drops
            the same features in all steps of a sequence. A shorter one, without `None`, is that of
            the last axes. Defaults to `None`, the inputs' shape.
        seed: int >= 0 or `None`. Start of this layer's random stream; of any size, on every
            backend. Defaults to `None`, which draws one; `keras.utils.set_random_seed` makes that
            reproducible.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor of any shape. Integers and bools become the layer's compute type,
            training or not.
        training: bool. Whether to drop. Defaults to `False`.

    Raises:
        ValueError: if `rate` (a schedule's first) is outside `[0, 1]`, `noise_shape` or `seed` is
            malformed, `noise_shape` does not fit the inputs, or these are complex or strings.
        TypeError: if `rate` is assigned where a schedule gives it.
        RuntimeError: on JAX, if a callback assigns `rate` in the middle of an epoch to a layer that
            it did not reach through `self.model`, or reads what a schedule gives; the trainer holds
            the layer's state and would overwrite an assignment.

    Differs from Keras: `rate` may be assigned during training or follow a schedule. Integers are
    taken. The random stream is another one, and `.keras` files hold its position.

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
        rate: Any,
        noise_shape: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Check the arguments; start the random stream."""
        super().__init__(**kwargs)
        self.noise_shape = checked_noise_shape(noise_shape)
        self.seed = _validation.seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(
            self.seed if self.seed is None else folded(self.seed)
        )
        self._rate = self._fixed_or_scheduled(rate)
        self.supports_masking = True
        # As in Keras's layers without weights; a `build` of a subclass is still to come.
        self.built = type(self).build is keras.layers.Layer.build

    def _fixed_or_scheduled(self, rate: Any) -> RuntimeNumber | ScheduledRate:
        if isinstance(rate, dict):
            rate = keras.saving.deserialize_keras_object(rate)
        if not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return fixed_rate(self, rate)
        _checked_rate("rate", float(ops.convert_to_numpy(rate(0))))
        dtype = at_least_float32(self.compute_dtype)
        return ScheduledRate(rate, self.seed_generator, dtype)

    @property
    def rate(self) -> float:
        """The fraction of units to drop in the next training step."""
        return self._rate.value

    @rate.setter
    def rate(self, value: float) -> None:
        self._rate.assign(value)

    @property
    def variables(self) -> list[keras.Variable]:
        """The layer's state: that of its random stream, and on JAX the rate."""
        return [*super().variables, *self._rate.threaded]

    def _read_by_steps(self) -> dict[str, Any]:
        rate = {"number_rate": self._rate.variable} if isinstance(self._rate, RuntimeNumber) else {}
        return {"random_stream": self.seed_generator.state, **rate}

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Return the inputs with a part of the units dropped, if `training`."""
        inputs = floating("inputs", inputs, self.compute_dtype)
        if not training:
            return inputs
        noise_shape = noise_shape_for(inputs, self.noise_shape)
        return drop(inputs, self._rate.read(), self.seed_generator, noise_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs."""
        return input_shape

    def save_assets(self, dir_path: str) -> None:
        """Write the position in the random stream beside the weights of a `.keras` file."""
        position = ops.convert_to_numpy(self.seed_generator.state).tolist()
        Path(dir_path, STREAM_FILE).write_text(json.dumps(position))

    def load_assets(self, dir_path: str | None) -> None:
        """Take up the random stream where the file's layer was; Keras's files do not say."""
        if dir_path is not None and (file := Path(dir_path, STREAM_FILE)).exists():
            self.seed_generator.state.assign(json.loads(file.read_text()))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, with the present rate."""
        return {
            **super().get_config(),
            "rate": self._rate.config(),
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }


def fixed_rate(layer: Dropout, rate: Any) -> RuntimeNumber:
    """Return the rate of a layer as a number that may be assigned."""
    dtype = at_least_float32(layer.compute_dtype)
    access_path = "self.model.get_layer(...)"
    return RuntimeNumber("rate", rate, _checked_rate, layer, access_path, dtype)


def _checked_rate(name: str, rate: Any) -> float:
    return _validation.real(name, rate, low=0, high=1)
