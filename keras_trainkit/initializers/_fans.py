"""How many connections a kernel makes: the numbers that every rule is built on."""

import math
from collections.abc import Sequence

Axes = tuple[int, ...]

KERNELS = ("conv", "depthwise", "transposed")


def kernel_axes(kernel: str, rank: int) -> tuple[Axes, Axes]:
    """Return the axes whose product is fan-in, and those whose product is fan-out."""
    # Keras lays kernels out as (.., inputs, outputs), and transposed ones as (.., outputs, inputs).
    space, row, column = tuple(range(rank - 2)), rank - 2, rank - 1
    axes = {
        "conv": ((*space, row), (*space, column)),
        "depthwise": (space, (*space, column)),
        "transposed": ((*space, column), (*space, row)),
    }
    return axes[kernel]


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
    kernel: str = "conv",
    groups: int = 1,
) -> tuple[int, int]:
    """Count the inputs of one output unit, and the outputs of one input unit, at stride 1.

    With k the product of the window's sides, i and o a layer's input and output channels:

        Dense, Conv          (.., i, o)           fan_in = k i           fan_out = k o
        grouped Conv         (.., i / g, o)       fan_in = k i / g       fan_out = k o / g
        depthwise            (.., i, m)           fan_in = k             fan_out = k m
        transposed           (.., o, i)           fan_in = k i           fan_out = k o
        EinsumDense          any order            the summed axes        the produced axes

    Args:
        shape: sequence of ints. The kernel's shape; below rank 2 both fans are its size.
        input_axes: sequence of ints. Axes whose product is fan-in; given with `output_axes`, they
            decide alone. Defaults to `None`.
        output_axes: sequence of ints. Axes whose product is fan-out. Defaults to `None`.
        kernel: `"conv"` (Dense too), `"depthwise"` or `"transposed"`. Defaults to `"conv"`.
        groups: int >= 1. Groups of the convolution. Defaults to `1`.

    Returns:
        Tuple of two ints, `(fan_in, fan_out)`.
    """
    if input_axes is None or output_axes is None:
        if len(shape) < 2:
            return math.prod(shape), math.prod(shape)
        input_axes, output_axes = kernel_axes(kernel, len(shape))
    fan_in = math.prod(shape[axis] for axis in input_axes)
    fan_out = math.prod(shape[axis] for axis in output_axes)
    # An input reaches the outputs of its own group only; the shape has that group's inputs already.
    return fan_in, fan_out // groups
