"""Batch normalization, computed without cancellation."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_trainkit._precision import at_least_float32
from keras_trainkit._register import register
from keras_trainkit._validation import boolean, integer, invalid, real
from keras_trainkit.layers._moments import centered_moments

INITIALIZERS = (
    "beta_initializer",
    "gamma_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
)
REGULARIZERS = ("beta_regularizer", "gamma_regularizer")
CONSTRAINTS = ("beta_constraint", "gamma_constraint")
UNCLIPPED = {"rmin": 0.0, "rmax": math.inf, "dmax": math.inf}


@register
class BatchNormalization(keras.layers.Layer):
    """Batch normalization over every axis but one.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta      (Ioffe & Szegedy 2015, Alg. 1)
        moving = momentum * moving + (1 - momentum) * batch

    In training, mean and (biased) variance are those of the batch, and the moving ones follow
    them; at inference, and while `trainable` is false, the moving ones are used and do not change.
    Statistics are computed in float32 at least, from centered values: inputs like 1000 +- 0.1
    keep their precision. With `renorm`, training uses

        y = gamma * ((x - mean) / stddev * r + d) + beta,   stddev = sqrt(variance + epsilon)
        r = clip(stddev / renorm_stddev, rmin, rmax)                          (Ioffe 2017, Alg. 1)
        d = clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)

    with no gradient through `r` and `d`; `renorm_mean` and `renorm_stddev` move by
    `renorm_momentum`.

    Args:
        axis: int. The axis that keeps its own statistics, usually the channels. Defaults to `-1`.
        momentum: float in `[0, 1]`. Share of the old moving statistics. Defaults to `0.99`.
        epsilon: float >= 0. Added to the variance. Defaults to `1e-3`.
        center: bool. Whether to add `beta`. Defaults to `True`.
        scale: bool. Whether to multiply by `gamma`. Defaults to `True`.
        beta_initializer: initializer of `beta`. Defaults to `"zeros"`.
        gamma_initializer: initializer of `gamma`. Defaults to `"ones"`.
        moving_mean_initializer: initializer of the moving mean. Defaults to `"zeros"`.
        moving_variance_initializer: initializer of the moving variance. Defaults to `"ones"`.
        beta_regularizer: regularizer of `beta` or `None`.
        gamma_regularizer: regularizer of `gamma` or `None`.
        beta_constraint: constraint of `beta` or `None`.
        gamma_constraint: constraint of `gamma` or `None`.
        renorm: bool. Whether to use batch renormalization. Defaults to `False`.
        renorm_clipping: dict with any of the floats `rmin`, `rmax`, `dmax` >= 0, or `None`.
            What is missing does not clip. Defaults to `None`.
        renorm_momentum: float in `[0, 1]`. Share of the old `renorm_*`. Defaults to `0.99`.
        synchronized: bool. Whether the replicas of a `tf.distribute` strategy share their batch
            statistics; TensorFlow only. Defaults to `False`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor; the size of `axis` must be known.
        training: bool. Whether to use the batch's statistics. Defaults to `False`.
        mask: bool tensor or `None`, shape of the inputs without the last axis, or broadcastable to
            it. Positions that are false do not count in the batch's statistics.

    Raises:
        ValueError: if an argument is outside its interval, if `axis` does not fit the inputs, if
            the mask has another rank, or if `synchronized` is set on another backend.

    Differs from Keras: exact where `E[x^2] - E[x]^2` loses all digits (Keras on PyTorch and with
        `synchronized`). `synchronized` also holds for masked inputs. Masked statistics divide by
        the count itself. `renorm` works on every supported version of Keras.

    Example:
        >>> import keras
        >>> from keras_trainkit.layers import BatchNormalization
        >>> layer = BatchNormalization(epsilon=0.0)
        >>> y = layer(keras.ops.array([[999.0], [1001.0]]), training=True)
        >>> keras.ops.convert_to_numpy(y).tolist()
        [[-1.0], [1.0]]
        >>> round(float(layer.moving_mean[0]), 3)
        10.0

    Reference: Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithms 1 and 2;
        Ioffe (2017), Batch renormalization, arXiv:1702.03275, algorithm 1.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        """Check and keep the arguments."""
        super().__init__(**kwargs)
        self.axis = integer("axis", axis)
        self.momentum = real("momentum", momentum, low=0, high=1)
        self.epsilon = real("epsilon", epsilon, low=0)
        self.center = boolean("center", center)
        self.scale = boolean("scale", scale)
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.renorm = boolean("renorm", renorm)
        self.renorm_clipping = _checked_clipping(renorm_clipping)
        self.renorm_momentum = real("renorm_momentum", renorm_momentum, low=0, high=1)
        self.synchronized = boolean("synchronized", synchronized)
        if synchronized and keras.backend.backend() != "tensorflow":
            requirement = f"False on the {keras.backend.backend()} backend"
            raise invalid("synchronized", requirement, synchronized)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create the weights, one number per entry of `axis`."""
        size = input_shape[self._axis_in(input_shape)]
        if size is None:
            raise invalid("axis", f"an axis of known size in shape {tuple(input_shape)}", self.axis)
        if self.scale:
            self.gamma = self._add(
                "gamma",
                size,
                self.gamma_initializer,
                trainable=True,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self._add(
                "beta",
                size,
                self.beta_initializer,
                trainable=True,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        # In this order they lie in weights files, Keras's included.
        self.moving_mean = self._add("moving_mean", size, self.moving_mean_initializer)
        self.moving_variance = self._add("moving_variance", size, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._add("moving_stddev", size, self._initial_stddev)
            self.renorm_mean = self._add("renorm_mean", size, self.moving_mean_initializer)
            self.renorm_stddev = self._add("renorm_stddev", size, self._initial_stddev)
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the normalized inputs; in training, move the moving statistics."""
        x = ops.cast(inputs, at_least_float32(inputs.dtype))
        mask = _over_channels(mask, x)
        if training and self.trainable:
            y = self._normalized_by_batch(x, mask)
        else:
            mean, variance = self._like(self.moving_mean, x), self._like(self.moving_variance, x)
            y = (x - mean) / ops.sqrt(variance + self.epsilon)
        if self.scale:
            y = y * self._like(self.gamma, x)
        if self.center:
            y = y + self._like(self.beta, x)
        return ops.cast(y, self.compute_dtype)

    def _normalized_by_batch(self, x: Any, mask: Any) -> Any:
        axes = tuple(i for i in range(len(x.shape)) if i != self._axis_in(x.shape))
        centered, mean, variance = centered_moments(x, axes, mask, self._across_replicas())
        stddev = ops.sqrt(variance + self.epsilon)
        y = centered / stddev
        _move(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            _move(self.moving_variance, variance, self.momentum)
            return y
        r, d = self._renorm_correction(mean, stddev)
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_stddev, stddev, self.momentum)
        moved_variance = ops.square(self.moving_stddev) - self.epsilon
        self.moving_variance.assign(ops.relu(moved_variance))
        return y * r + d

    def _renorm_correction(self, mean: Any, stddev: Any) -> tuple[Any, Any]:
        # A zero initializer must not divide by zero in the first steps.
        reference = ops.clip(self._like(self.renorm_stddev, mean), self.epsilon**0.5, math.inf)
        r = stddev / reference
        d = (mean - self._like(self.renorm_mean, mean)) / reference
        rmin, rmax, dmax = (self.renorm_clipping.get(key, UNCLIPPED[key]) for key in UNCLIPPED)
        return ops.stop_gradient(ops.clip(r, rmin, rmax)), ops.stop_gradient(
            ops.clip(d, -dmax, dmax)
        )

    def _across_replicas(self) -> Callable[[Any], Any]:
        if not self.synchronized:
            return lambda x: x
        from keras_trainkit.layers._tensorflow import replica_sum

        return replica_sum

    def _initial_stddev(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def _add(self, name: str, size: int, initializer: Any, **kwargs: Any) -> keras.Variable:
        kwargs = {"trainable": False, "autocast": False, **kwargs}
        return self.add_weight(shape=(size,), name=name, initializer=initializer, **kwargs)

    def _like(self, variable: keras.Variable, x: Any) -> Any:
        shape = [1] * len(x.shape)
        shape[self.axis] = -1
        return ops.reshape(ops.cast(variable, x.dtype), shape)

    def _axis_in(self, shape: Any) -> int:
        rank = len(shape)
        if not -rank <= self.axis < rank:
            raise invalid("axis", f"in [{-rank}, {rank}) for inputs of rank {rank}", self.axis)
        return self.axis % rank

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs."""
        self._axis_in(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        plain = ("axis", "momentum", "epsilon", "center", "scale")
        renorm = ("renorm", "renorm_clipping", "renorm_momentum", "synchronized")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*plain, *renorm)},
            **{name: keras.initializers.serialize(getattr(self, name)) for name in INITIALIZERS},
            **{name: keras.regularizers.serialize(getattr(self, name)) for name in REGULARIZERS},
            **{name: keras.constraints.serialize(getattr(self, name)) for name in CONSTRAINTS},
        }


def _move(variable: keras.Variable, batch: Any, momentum: float) -> None:
    old, new = ops.cast(variable, batch.dtype), ops.reshape(batch, (-1,))
    variable.assign(momentum * old + (1 - momentum) * new)


def _over_channels(mask: Any, x: Any) -> Any:
    if mask is None:
        return None
    if len(mask.shape) != len(x.shape) - 1:
        requirement = f"of rank {len(x.shape) - 1}, one less than the inputs"
        raise invalid("mask.shape", requirement, tuple(mask.shape))
    return ops.cast(ops.expand_dims(mask, -1), "bool")


def _checked_clipping(clipping: Any) -> dict[str, float]:
    clipping = {} if clipping is None else dict(clipping)
    if clipping.keys() - UNCLIPPED.keys():
        requirement = f"a dict with keys among {', '.join(UNCLIPPED)}"
        raise invalid("renorm_clipping", requirement, clipping)
    for key, value in clipping.items():
        real(f"renorm_clipping[{key!r}]", value, low=0)
    if clipping.get("rmin", 0) > clipping.get("rmax", math.inf):
        raise invalid("renorm_clipping", "a dict with rmin <= rmax", clipping)
    return clipping
