"""The kernels of a built model, and which of their axes lead in and out: read from the layers."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from keras_trainkit._validation import built_model
from keras_trainkit.initializers._fans import Axes, compute_fans, kernel_axes

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


@dataclass(frozen=True)
class Kernel:
    """A layer's kernel with what its shape alone does not say."""

    layer: keras.Layer
    variable: keras.Variable
    input_axes: Axes
    output_axes: Axes
    groups: int = 1

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of one output unit, and outputs of one input unit."""
        return compute_fans(
            self.variable.shape, self.input_axes, self.output_axes, groups=self.groups
        )


def kernels_of(model: keras.Model) -> list[Kernel]:
    """Return the trainable kernels of every layer inside `model`, each once.

    Recurrent cells are left out: their kernel stacks the kernels of several gates.
    """
    layers = built_model(model)._flatten_layers()  # the only way to layers inside layers
    found = {id(kernel.variable): kernel for layer in layers for kernel in _of_layer(layer)}
    return [kernel for kernel in found.values() if kernel.variable.trainable]


def _of_layer(layer: keras.Layer) -> Iterator[Kernel]:
    if isinstance(layer, SEPARABLE):
        yield _named(layer, layer.depthwise_kernel, "depthwise")
        yield _named(layer, layer.pointwise_kernel, "conv")
        return
    variable = getattr(layer, "kernel", None)
    recurrent = hasattr(layer, "recurrent_kernel")
    if recurrent or not isinstance(variable, keras.Variable) or len(variable.shape) < 2:
        return
    if isinstance(layer, keras.layers.EinsumDense):
        yield Kernel(layer, variable, *_einsum_axes(layer.equation))
    elif isinstance(layer, DEPTHWISE):
        yield _named(layer, variable, "depthwise")
    elif isinstance(layer, TRANSPOSED):
        yield _named(layer, variable, "transposed")
    else:
        yield _named(layer, variable, "conv", getattr(layer, "groups", 1))


def _named(layer: keras.Layer, variable: keras.Variable, name: str, groups: int = 1) -> Kernel:
    return Kernel(layer, variable, *kernel_axes(name, len(variable.shape)), groups)


def _einsum_axes(equation: str) -> tuple[Axes, Axes]:
    """Return the kernel's summed and produced axes; an axis that all three share is neither."""
    operands, result = equation.replace(" ", "").split("->")
    inputs, kernel = operands.split(",")
    summed = tuple(axis for axis, label in enumerate(kernel) if label not in result)
    produced = tuple(axis for axis, label in enumerate(kernel) if label not in inputs)
    return summed, produced
