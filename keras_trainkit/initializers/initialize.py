"""Draw the weights of a model that exists."""

from typing import Any

import keras

from keras_trainkit.initializers._kernels import kernels_of
from keras_trainkit.initializers.variance_scaling import VarianceScaling


def initialize(model: keras.Model, kernel_initializer: Any, bias_initializer: Any = None) -> None:
    """Draw every trainable kernel of a model anew, with the fans of the layer it is in.

        w ~ kernel_initializer(fan_in, fan_out)        fans: the connections that the layer makes
        b ~ bias_initializer(fan_in, fan_out)          of the layer's kernel

    Needs no hint for depthwise, separable, transposed and grouped convolutions, EinsumDense and the
    projections of MultiHeadAttention, on every version of Keras; draws them all from one seed, and
    reaches layers inside layers. Recurrent cells, frozen layers and all other weights stay.

    Args:
        model: built `keras.Model`.
        kernel_initializer: initializer, or its name such as `"keras_trainkit>HeNormal"`. The fans
            come from the layer, not from its own arguments; an initializer that is not of this
            package gets the shape alone.
        bias_initializer: the same for the biases; `None` leaves them. Defaults to `None`.

    Raises:
        ValueError: if `model` is not built.

    Example:
        >>> import keras
        >>> from keras_trainkit.initializers import TorchUniform, initialize
        >>> model = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.DepthwiseConv2D(3)])
        >>> start = TorchUniform(seed=1)
        >>> initialize(model, start, bias_initializer=start)
        >>> bool(keras.ops.max(abs(model.layers[0].bias)) <= 1 / 3)
        True
    """
    kernel_initializer = keras.initializers.get(kernel_initializer)
    bias_initializer = keras.initializers.get(bias_initializer)
    kernels = kernels_of(model)
    for kernel in kernels:
        _assign(kernel.variable, kernel_initializer, kernel.fans)
    # Of a separable convolution's two kernels, the second makes what the bias is added to.
    last_of_layer = {id(kernel.layer): kernel for kernel in kernels}
    for kernel in last_of_layer.values():
        bias = getattr(kernel.layer, "bias", None)
        if bias_initializer is not None and bias is not None:
            _assign(bias, bias_initializer, kernel.fans)


def _assign(variable: keras.Variable, initializer: Any, fans: tuple[int, int]) -> None:
    if isinstance(initializer, VarianceScaling):
        variable.assign(initializer.draw(variable.shape, fans, variable.dtype))
    else:
        variable.assign(initializer(variable.shape, dtype=variable.dtype))
