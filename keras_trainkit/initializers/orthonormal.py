"""Kernels whose units are orthogonal to each other and of length one."""

import math

import numpy as np

from keras_trainkit.initializers.kernels import Kernel


def orthonormal(kernel: Kernel, generator: np.random.Generator) -> np.ndarray:
    """Draw `kernel` as a (Saxe et al. 2014) orthonormal matrix from its inputs to its outputs.

    Groups, depthwise channels and axes shared by input and output have a matrix each.
    """
    shape, inputs = kernel.variable.shape, kernel.input_axes
    outputs = tuple(axis for axis in kernel.output_axes if axis not in inputs)
    blocks = tuple(axis for axis in range(len(shape)) if axis not in inputs + outputs)
    rows = math.prod(shape[axis] for axis in inputs)
    columns = math.prod(shape[axis] for axis in outputs) // kernel.groups
    count = math.prod(shape[axis] for axis in blocks)

    matrices = _matrices(count * kernel.groups, rows, columns, generator)
    matrices = matrices.reshape(count, kernel.groups, rows, columns).swapaxes(1, 2)
    order = blocks + inputs + outputs
    return matrices.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


def _matrices(count: int, rows: int, columns: int, generator: np.random.Generator) -> np.ndarray:
    tall = generator.normal(size=(count, max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]  # else not uniformly distributed
    return q if rows >= columns else q.swapaxes(1, 2)
