"""Batch normalization's moving statistics, computed anew from data."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_trainkit._backend import compiled
from keras_trainkit._tensors import Tensor, at_least_float32, float64_of, floating
from keras_trainkit._validation import invalid
from keras_trainkit.layers._batch_normalization.moments import centered_moments, others
from keras_trainkit.layers._model_pass import batches, inference_pass, layers_inside
from keras_trainkit.layers._pooled_moments import PooledMoments
from keras_trainkit.layers.batch_normalization import BatchNormalization

BATCH_NORMALIZATION = (BatchNormalization, keras.layers.BatchNormalization)


def recalibrate(
    model: keras.Model, data: Any, batch_size: int = 32, steps: int | None = None
) -> None:
    """Set the moving statistics of batch normalization to those of the data, without training.

        moving_mean = E[mean_B]                               (Wu & Johnson 2021, section 3)
        moving_variance = E[variance_B + mean_B^2] - E[mean_B]^2

    The expectation is over the batches B, weighted by their number of unmasked elements, so that a
    smaller last batch counts as what it is; it is taken in float64 and without cancellation. During
    the one pass over the data, batch normalization normalizes by the mean and variance of each
    batch, and every other layer, dropout included, is in inference mode. Use it where the
    exponential moving averages lag behind the weights or rest on few steps: after a short or a
    fast training, after averaging or editing weights, on data of a new domain.

    Only the moving statistics change, and they change together at the end: after an exception the
    model is as it was. Layers with `trainable=False` are left alone and normalize by their moving
    statistics, as in training; so do layers that the data do not reach. A layer that the model uses
    several times takes the elements of all uses. With `renorm`, its `renorm_mean`, `renorm_stddev`
    and `moving_stddev` follow; with `unbiased`, the variance of n elements is multiplied by
    n / (n - 1). A layer's `momentum` and `ghost_batch_size` play no part.

    Args:
        model: built `keras.Model` with batch normalization, ours or Keras's, at any depth.
        data: array, or nested arrays for several inputs; or an iterable over batches `x`, `(x, y)`
            or `(x, y, sample_weight)`: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator.
            Training data, in a random order.
        batch_size: int >= 1. Size of the batches that arrays are cut into; the larger, the closer
            deeper layers come to the statistics of the whole data. Defaults to `32`.
        steps: int >= 1 or `None`. Most batches to use. Defaults to `None`, which uses all.

    Returns:
        `None`; the model is changed in place.

    Raises:
        ValueError: if `model` is not built, has no trainable batch normalization, or has one in a
            recurrent layer's cell; if `data` is empty or its arrays differ in length, or if another
            argument is outside its range.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.layers import BatchNormalization, recalibrate
        >>> model = keras.Sequential([keras.Input((1,)), BatchNormalization(name="normalization")])
        >>> recalibrate(model, np.array([[1.0], [2.0], [6.0]]), batch_size=2)
        >>> layer = model.get_layer("normalization")
        >>> float(layer.moving_mean[0]), round(float(layer.moving_variance[0]), 4)
        (3.0, 4.6667)

    Reference: Wu and Johnson (2021), Rethinking "batch" in batch norm, arXiv:2105.07576, section 3
        ("PreciseBN"); for the inference mode of dropout, Li, Chen, Hu and Yang (2019),
        Understanding the disharmony between dropout and batch normalization by variance shift,
        arXiv:1801.05134.
    """
    layers = [layer for layer in layers_inside(model, BATCH_NORMALIZATION) if layer.trainable]
    if not layers:
        requirement = "a model with a trainable BatchNormalization layer"
        raise invalid("model", requirement, model.name)
    recurrent = layers_inside(model, (keras.layers.RNN,))
    if any(layers_inside(layer.cell, BATCH_NORMALIZATION) for layer in recurrent):
        # Compiled loops do not let the moments of their steps out.
        requirement = "a model without BatchNormalization in a recurrent layer's cell"
        raise invalid("model", requirement, model.name)
    measure = compiled(_measuring(model, layers))
    values = [ops.convert_to_tensor(variable) for variable in model.variables]
    pooled = [PooledMoments() for _ in layers]
    for x in batches("data", data, batch_size, steps):
        for moments, uses in zip(pooled, measure(values, x), strict=True):
            for use in uses:
                moments.add(*map(float64_of, use))
    for layer, moments in zip(layers, pooled, strict=True):
        _assign(layer, moments)


def _measuring(model: keras.Model, layers: list[keras.Layer]) -> Callable[[Any, Any], Any]:
    """Return a function that gives the mean, variance and count of every use of every layer."""

    def measure(values: list[Tensor], x: Any) -> list[list]:
        uses: list[list] = [[] for _ in layers]
        calls = {
            layer: {"call": _by_batch(layer, seen)}
            for layer, seen in zip(layers, uses, strict=True)
        }
        inference_pass(model, values, x, calls)
        return uses

    return measure


def _by_batch(layer: keras.Layer, uses: list) -> Callable[..., Any]:
    """Return the layer's `call`, normalizing by the batch and noting its moments in `uses`."""
    forward = layer.call

    def call(inputs: Tensor, **kwargs: Any) -> Tensor:
        uses.append(_moments(inputs, layer.axis, kwargs.get("mask")))
        mean, variance, _ = uses[-1]
        # Inside the pass this lasts until the layer's next use.
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        return forward(inputs, **kwargs)

    return call


def _moments(inputs: Tensor, axis: int, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean, the biased variance and the number of unmasked elements along `axis`."""
    x = floating("inputs", inputs, "float32")
    x = ops.cast(x, at_least_float32(x.dtype))
    valid = None if mask is None else ops.cast(ops.expand_dims(mask, -1), "bool")
    _, *moments = centered_moments(x, others(x, axis % len(x.shape)), valid)
    mean, variance, count = (ops.reshape(moment, (-1,)) for moment in moments)
    return mean, variance, count


def _assign(layer: keras.Layer, pooled: PooledMoments) -> None:
    """Set the moving statistics, where there was an element, to the pooled ones."""
    variance = pooled.variance
    if getattr(layer, "unbiased", False):
        variance = variance * pooled.count / np.maximum(pooled.count - 1, 1)
    statistics = {"moving_mean": pooled.mean, "moving_variance": variance}
    if getattr(layer, "renorm", False):
        stddev = np.sqrt(variance + layer.epsilon)
        statistics |= {"renorm_mean": pooled.mean, "renorm_stddev": stddev, "moving_stddev": stddev}
    for name, value in statistics.items():
        variable = getattr(layer, name)
        variable.assign(np.where(pooled.count > 0, value, ops.convert_to_numpy(variable)))
