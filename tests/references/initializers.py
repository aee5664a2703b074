"""Oracles: a layer's connections counted one by one, the rules, and LSUV for dense layers."""

import keras
import numpy as np

from tests.contracts import array

VARIANCE = {
    "GlorotUniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "GlorotNormal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "HeUniform": lambda fan_in, fan_out: 2 / fan_in,
    "HeNormal": lambda fan_in, fan_out: 2 / fan_in,
    "LecunUniform": lambda fan_in, fan_out: 1 / fan_in,
    "LecunNormal": lambda fan_in, fan_out: 1 / fan_in,
    "TorchUniform": lambda fan_in, fan_out: 1 / (3 * fan_in),
}


def counted_fans(layer: keras.Layer, shape: tuple[int, ...]) -> tuple[int, int]:
    """Send ones through a layer of ones.

    An output unit shows how many inputs reach it; a single one in the middle of the input reaches
    as many output units.
    """
    layer.build((1, *shape))
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape) if "bias" in weight.name else np.ones(weight.shape))
    one = np.zeros((1, *shape), "float32")
    one[(0, *(size // 2 for size in shape))] = 1
    fan_in = array(layer(np.ones((1, *shape), "float32"))).max()
    fan_out = array(layer(one)).sum()
    return round(float(fan_in)), round(float(fan_out))


def lsuv_of_dense_layers(weights, activation, x):
    """Mishkin & Matas (2016), Algorithm 1, in float64."""
    fitted, variances = [], []
    for weight in weights:
        z = x @ weight
        fitted.append(weight / np.sqrt(np.var(z)))
        variances.append(np.var(z))
        x = activation(x @ fitted[-1])
    return fitted, variances
