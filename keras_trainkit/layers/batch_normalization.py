"""Batch normalization, computed without cancellation."""

import math
from typing import Any

import keras
from keras import ops

from keras_trainkit._backend import never_empty, replica_sum
from keras_trainkit._register import register
from keras_trainkit._tensors import Tensor, at_least_float32, floating
from keras_trainkit._validation import boolean, integer, invalid, real
from keras_trainkit.layers._batch_normalization import affine, along, normalize, normalize_by_batch
from keras_trainkit.layers._batch_normalization.moments import (
    centered_moments,
    join_ghost_batches,
    no_reduction,
    others,
    split_ghost_batches,
    valid_count,
)
from keras_trainkit.layers._batch_normalization.moving import (
    checked_renorm_clipping,
    followed,
    next_shares,
    renorm_correction,
    unbiased,
)

PLAIN = (
    "axis",
    "momentum",
    "epsilon",
    "center",
    "scale",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
    "synchronized",
    "ghost_batch_size",
    "momentum_warmup",
    "unbiased",
)
INITIALIZERS = (
    "beta_initializer",
    "gamma_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
)
REGULARIZERS = ("beta_regularizer", "gamma_regularizer")
CONSTRAINTS = ("beta_constraint", "gamma_constraint")


@register
class BatchNormalization(keras.layers.Layer):
    """Batch normalization over every axis but one.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta      (Ioffe & Szegedy 2015, Alg. 1)
        moving = share * moving + (1 - share) * batch,   share = momentum

    In training, mean and (biased) variance are those of the batch, and the moving ones follow
    them; at inference, and while `trainable` is false, the moving ones are used and do not change.
    Statistics are computed in float32 at least, from centered values: inputs like 1000 +- 0.1
    keep their precision. At inference `x * scale + shift`, the form that converters fold, rounds
    such inputs to some 1e-3 on PyTorch, and on TensorFlow but for images. With `momentum=None` or
    `momentum_warmup`,

        share = min(momentum, t / (t + 1)),   t = number of updates so far

    so that the moving statistics are those of the data from the first update on, whatever their
    initial values. With a `ghost_batch_size`, the batch is normalized in parts of that size at most
    (the last may be smaller than the others), each by its own statistics, and each part moves the
    moving ones once (Hoffer et al. 2017, Alg. 1). With `renorm`, training uses

        y = gamma * ((x - mean) / stddev * r + d) + beta,   stddev = sqrt(variance + epsilon)
        r = clip(stddev / renorm_stddev, rmin, rmax)                          (Ioffe 2017, Alg. 1)
        d = clip((mean - renorm_mean) / renorm_stddev, -dmax, dmax)

    with no gradient through `r` and `d`; `renorm_mean` and `renorm_stddev` move by
    `renorm_momentum`.

    Args:
        axis: int. The axis that keeps its own statistics, usually the channels. Defaults to `-1`.
        momentum: float in `[0, 1]`, share of the old moving statistics; or `None`: the moving
            statistics are the average of all batches, as with PyTorch's `None`. Defaults to `0.99`.
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
        synchronized: bool. Whether replicas share their batch statistics: those of a
            `tf.distribute` strategy, or the processes of `torch.distributed`. Under
            `keras.distribution` (JAX) they always do. Defaults to `False`.
        ghost_batch_size: int >= 1 or `None`. Largest number of examples to normalize together.
            Defaults to `None`, the whole batch. Not with `renorm` or `synchronized`.
        momentum_warmup: bool. Whether `momentum` grows to its value from 0. Defaults to `False`.
        unbiased: bool. Whether the moving variance follows the variance over n - 1 as PyTorch's
            does, instead of n. `y` is that of the biased one in training. Defaults to `False`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor; the size of `axis` must be known. Integers and bools are taken as
            floats.
        training: bool. Whether to use the batch's statistics. Defaults to `False`.
        mask: bool tensor or `None`, shape of the inputs without the last axis, or broadcastable to
            it. Positions that are false do not count in the batch's statistics.

    Attributes:
        steps: int variable, the number of updates so far, with `momentum=None` or
            `momentum_warmup`, where it makes one more entry in weights files; otherwise `None`.

    Raises:
        ValueError: if an argument is outside its interval, if `axis` does not fit the inputs, if
            these are complex or strings, or if the mask has another rank.

    Differs from Keras: exact where `E[x^2] - E[x]^2` loses all digits (Keras on PyTorch and with
        `synchronized`). Faster: on CPUs by the frameworks' fused kernels, whose mean is refined
        where it lies far from zero. `synchronized` also holds for masked inputs and on PyTorch.
        Masked statistics divide by the count itself, and where nothing counts none move. `renorm`
        works on every supported version of Keras. `momentum=None`, `momentum_warmup`,
        `ghost_batch_size` and `unbiased` are new.

    Example:
        >>> import keras
        >>> from keras_trainkit.layers import BatchNormalization
        >>> layer = BatchNormalization(epsilon=0.0, momentum_warmup=True)
        >>> y = layer(keras.ops.array([[999.0], [1001.0]]), training=True)
        >>> keras.ops.convert_to_numpy(y).tolist()
        [[-1.0], [1.0]]
        >>> float(layer.moving_mean[0])
        1000.0

    Reference: Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithms 1 and 2;
        Ioffe (2017), Batch renormalization, arXiv:1702.03275, algorithm 1; Hoffer, Hubara and
        Soudry (2017), Train longer, generalize better, arXiv:1705.08741, algorithm 1.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float | None = 0.99,
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
        ghost_batch_size: int | None = None,
        momentum_warmup: bool = False,
        unbiased: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = integer("axis", axis)
        self.momentum = None if momentum is None else real("momentum", momentum, low=0, high=1)
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
        self.renorm_clipping = checked_renorm_clipping(renorm_clipping)
        self.renorm_momentum = real("renorm_momentum", renorm_momentum, low=0, high=1)
        self.synchronized = boolean("synchronized", synchronized)
        self.ghost_batch_size = _checked_ghost_batch_size(ghost_batch_size, renorm, synchronized)
        self.momentum_warmup = boolean("momentum_warmup", momentum_warmup)
        self.unbiased = boolean("unbiased", unbiased)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create the weights, one number per entry of `axis`."""
        axis = self._axis_in(input_shape)
        if axis == 0 and self.ghost_batch_size is not None:
            raise invalid("axis", "another axis than the batch with `ghost_batch_size`", self.axis)
        size = input_shape[axis]
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
        self.steps = None
        if self.momentum is None or self.momentum_warmup:
            self.steps = self.add_weight(
                shape=(), name="steps", initializer="zeros", dtype="int32", trainable=False
            )
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        """Return the normalized inputs; in training, move the moving statistics."""
        x = floating("inputs", inputs, at_least_float32(self.compute_dtype))
        x = ops.cast(x, at_least_float32(x.dtype))
        axis = self._axis_in(x.shape)
        gamma = ops.cast(self.gamma, x.dtype) if self.scale else None
        beta = ops.cast(self.beta, x.dtype) if self.center else None
        mask = _over_channels(mask, x)
        if training and self.trainable:
            y = self._by_batch(x, axis, gamma, beta, mask)
        else:
            mean = ops.cast(self.moving_mean, x.dtype)
            variance = ops.cast(self.moving_variance, x.dtype)
            y = normalize(x, axis, mean, variance, gamma, beta, self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def _by_batch(
        self, x: Tensor, axis: int, gamma: Tensor | None, beta: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        if self.ghost_batch_size is not None:
            ghost_batches, valid = split_ghost_batches(x, mask, self.ghost_batch_size)
            y = self._by_moments(ghost_batches, axis + 1, gamma, beta, valid, first=1)
            return join_ghost_batches(y, x)
        if mask is not None or self.renorm or self.synchronized:
            return self._by_moments(x, axis, gamma, beta, mask)
        y, mean, variance = normalize_by_batch(x, axis, gamma, beta, self.epsilon)
        axes = others(x, axis)
        needed = self.unbiased or not never_empty(x)
        self._follow(mean, variance, ops.squeeze(valid_count(x, axes), axes) if needed else None)
        return y

    def _by_moments(
        self,
        x: Tensor,
        axis: int,
        gamma: Tensor | None,
        beta: Tensor | None,
        mask: Tensor | None,
        first: int = 0,
    ) -> Tensor:
        """Normalize `x` over every axis but `axis` and those before `first`."""
        axes = others(x, axis, first)
        over_replicas = replica_sum if self.synchronized else no_reduction
        centered, mean, variance, count = centered_moments(x, axes, mask, over_replicas)
        y = centered / ops.sqrt(variance + self.epsilon)
        count = ops.squeeze(count, axes)
        if self.renorm:
            y = self._renormed(y, mean, variance, count)
        else:
            self._follow(ops.squeeze(mean, axes), ops.squeeze(variance, axes), count)
        return affine(y, axis, gamma, beta)

    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor | None) -> None:
        """Move the moving statistics by those of a batch, or of one ghost batch a row.

        `count` is the number of elements that they are of, `None` for any above 0.
        """
        if self.unbiased:
            variance = unbiased(variance, count)
        if count is not None:
            # The statistics of no elements may be NaN.
            mean, variance = (ops.where(count > 0, s, 0) for s in (mean, variance))
        shares = next_shares(self.momentum, self.steps, count, mean.dtype)
        _move(self.moving_mean, mean, shares)
        _move(self.moving_variance, variance, shares)

    def _renormed(self, y: Tensor, mean: Tensor, variance: Tensor, count: Tensor) -> Tensor:
        """Correct a batch's normalized `y`, and move the statistics."""
        stddev = ops.sqrt(variance + self.epsilon)
        r, d = renorm_correction(
            mean,
            stddev,
            self._like(self.renorm_mean, mean),
            # A zero initializer must not divide by zero in the first steps.
            ops.clip(self._like(self.renorm_stddev, mean), self.epsilon**0.5, math.inf),
            self.renorm_clipping,
        )
        axes = others(mean, self.axis % len(mean.shape))
        mean, variance, stddev = (ops.squeeze(s, axes) for s in (mean, variance, stddev))
        share = next_shares(self.momentum, self.steps, count, mean.dtype)
        renorm_share = next_shares(self.renorm_momentum, None, count, mean.dtype)
        _move(self.renorm_mean, mean, renorm_share)
        _move(self.renorm_stddev, stddev, renorm_share)
        if self.unbiased:
            stddev = ops.sqrt(unbiased(variance, count) + self.epsilon)
        _move(self.moving_mean, mean, share)
        _move(self.moving_stddev, stddev, share)
        moved_variance = ops.square(self.moving_stddev) - self.epsilon
        self.moving_variance.assign(ops.relu(moved_variance))
        return y * r + d

    def _initial_stddev(self, shape: Any, dtype: Any = None) -> Tensor:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def _add(self, name: str, size: int, initializer: Any, **kwargs: Any) -> keras.Variable:
        kwargs = {"trainable": False, "autocast": False, **kwargs}
        return self.add_weight(shape=(size,), name=name, initializer=initializer, **kwargs)

    def _like(self, variable: keras.Variable, x: Tensor) -> Tensor:
        return along(self.axis, ops.cast(variable, x.dtype), x)

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
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in PLAIN},
            **{name: keras.initializers.serialize(getattr(self, name)) for name in INITIALIZERS},
            **{name: keras.regularizers.serialize(getattr(self, name)) for name in REGULARIZERS},
            **{name: keras.constraints.serialize(getattr(self, name)) for name in CONSTRAINTS},
        }


def _move(variable: keras.Variable, batch: Tensor, old_share: Tensor | float) -> None:
    variable.assign(followed(ops.cast(variable, batch.dtype), batch, old_share))


def _over_channels(mask: Tensor | None, x: Tensor) -> Tensor | None:
    if mask is None:
        return None
    if len(mask.shape) != len(x.shape) - 1:
        requirement = f"of rank {len(x.shape) - 1}, one less than the inputs"
        raise invalid("mask.shape", requirement, tuple(mask.shape))
    return ops.cast(ops.expand_dims(mask, -1), "bool")


def _checked_ghost_batch_size(size: Any, renorm: bool, synchronized: bool) -> int | None:
    if size is None:
        return None
    if renorm or synchronized:
        raise invalid("ghost_batch_size", "None with `renorm` or `synchronized`", size)
    return integer("ghost_batch_size", size, low=1)
