"""Initial weights fitted to data: every layer's output varies by one."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_trainkit._patching import patched
from keras_trainkit._tensors import Tensor, float64_if_readable, float64_of
from keras_trainkit._validation import boolean, integer, invalid, positive
from keras_trainkit._validation import seed as checked_seed
from keras_trainkit.initializers._kernels import Kernel, kernels_of


@dataclass(frozen=True)
class LayerVariance:
    """What `lsuv` did to one kernel.

    Attributes:
        kernel: str. Path of the kernel.
        variance: float. Variance of the layer's output, before its activation; NaN if not measured.
        iterations: int. Times that the kernel was rescaled.
        scale: float. Product of these scalings.
        problem: str. Why the variance is not one, or "".
    """

    kernel: str
    variance: float
    iterations: int
    scale: float
    problem: str


@dataclass(frozen=True, repr=False)
class LSUVReport:
    """What `lsuv` achieved, a row per layer in the order of the data's way; prints as a table."""

    layers: tuple[LayerVariance, ...]

    @property
    def converged(self) -> bool:
        """Whether every layer's output variance is one, within the tolerance."""
        return not any(layer.problem for layer in self.layers)

    def __repr__(self) -> str:
        """Return whether it worked, in one line."""
        problems = sum(bool(layer.problem) for layer in self.layers)
        state = "all at variance one" if not problems else f"{problems} with a problem, see print"
        return f"<LSUVReport of {len(self.layers)} layers, {state}>"

    def __str__(self) -> str:
        """Return the table."""
        width = max(len("kernel"), *(len(layer.kernel) for layer in self.layers))
        lines = [f"{'kernel':<{width}}  variance  iterations      scale  problem"]
        lines += [
            f"{layer.kernel:<{width}}  {layer.variance:8.4g}  {layer.iterations:10d}"
            f"  {layer.scale:9.4g}  {layer.problem}".rstrip()
            for layer in self.layers
        ]
        return "\n".join(lines)


def lsuv(
    model: keras.Model,
    x: Any,
    tolerance: float = 0.01,
    max_iterations: int = 10,
    orthonormalize: bool = True,
    seed: int | None = None,
) -> LSUVReport:
    """Set the kernels of a model so that every layer's output has variance one on a batch.

        W_l = orthonormal                                   for every layer l, in forward order:
        W_l <- W_l / sqrt(Var(z_l))  until  |Var(z_l) - 1| < tolerance

    z_l is the output of layer l before its activation, and Var its variance over the whole batch
    and all units. The batch passes through the model once, in inference mode; each layer is fitted
    when the batch reaches it, a layer that is used again stays as its first use left it. Only the
    trainable kernels change, and they change together at the end: after an exception the model is
    as it was. A layer whose output is constant or not finite is reported and not scaled. Recurrent
    cells are left out; of a separable convolution the pointwise kernel is scaled.

    Args:
        model: built `keras.Model`.
        x: array, or nested arrays, that `model(x)` takes. A batch of normalized training inputs;
            some hundreds of samples do.
        tolerance: float > 0. Accepted distance of the variance from one. Defaults to `0.01`.
        max_iterations: int >= 1. Most scalings of one layer. Defaults to `10`.
        orthonormalize: bool. Whether kernels start orthonormal, or as they are. Defaults to `True`.
        seed: int >= 0. Seed of the orthonormal kernels, which are the same on every backend. `None`
            takes one from the generator that `keras.utils.set_random_seed` sets. Defaults to
            `None`.

    Returns:
        `LSUVReport` with the achieved variance, iterations and scale of every layer.

    Raises:
        ValueError: if `model` is not built or has no trainable kernel; if an argument is outside
            its range.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_trainkit.initializers import lsuv
        >>> hidden = keras.layers.Dense(64, activation="relu", name="hidden")
        >>> model = keras.Sequential([keras.Input((20,)), hidden, keras.layers.Dense(1)])
        >>> x = np.random.default_rng(0).normal(size=(256, 20))
        >>> report = lsuv(model, x, seed=0)
        >>> report.converged, f"{report.layers[0].variance:.3f}"
        (True, '1.000')

    Reference: Mishkin & Matas (2016), All you need is a good init, arXiv:1511.06422, Algorithm 1.
    """
    positive("tolerance", tolerance)
    integer("max_iterations", max_iterations, low=1)
    seed = checked_seed("seed", seed)
    fits = _fits(model, boolean("orthonormalize", orthonormalize), seed)
    reached: list[_Fit] = []
    # What the forward pass assigns inside this scope, the kernels too, is gone when it ends.
    with keras.StatelessScope(), ExitStack() as patches:
        for fit in fits:
            fit.assign()
            call = _fitting_call(fit, reached, tolerance, max_iterations)
            patches.enter_context(patched(fit.layer, call=call))
        model(x, training=False)
    for fit in fits:
        fit.assign()
    rest = [fit for fit in fits if fit not in reached]
    return LSUVReport(tuple(fit.row(tolerance) for fit in reached + rest))


@dataclass(eq=False)
class _Fit:
    """A layer on its way to unit variance: its kernels and their values; the last is scaled."""

    kernels: list[Kernel]
    weights: list[np.ndarray]
    variance: float | None = None
    iterations: int = 0
    scale: float = 1.0

    @property
    def layer(self) -> keras.Layer:
        return self.kernels[0].layer

    def assign(self) -> None:
        for kernel, weight in zip(self.kernels, self.weights, strict=True):
            kernel.variable.assign(weight)

    def rescale(self, variance: float) -> None:
        self.scale /= math.sqrt(variance)
        self.weights[-1] = self.weights[-1] / math.sqrt(variance)
        self.iterations += 1
        self.assign()

    def problem(self, tolerance: float) -> str:
        if self.variance is None:
            return "not measured: unused, or used inside a compiled loop"
        if math.isnan(self.variance):
            return "output is not finite"
        if self.variance == 0:
            return "output is constant"
        return "" if abs(self.variance - 1) < tolerance else "outside the tolerance"

    def row(self, tolerance: float) -> LayerVariance:
        variance = math.nan if self.variance is None else self.variance
        path = self.kernels[-1].variable.path
        return LayerVariance(path, variance, self.iterations, self.scale, self.problem(tolerance))


def _fits(model: keras.Model, orthonormalize: bool, seed: int | None) -> list[_Fit]:
    by_layer: dict[int, list[Kernel]] = {}
    for kernel in kernels_of(model):
        by_layer.setdefault(id(kernel.layer), []).append(kernel)
    if not by_layer:
        raise invalid("model", "a model with a trainable kernel", model.name)
    if not orthonormalize:
        return [_Fit(ks, [float64_of(k.variable) for k in ks]) for ks in by_layer.values()]
    if seed is None:
        # Of the generators that `set_random_seed` sets, this one is the same on every backend.
        seed = random.getrandbits(32)
    generator = np.random.default_rng(seed)
    return [_Fit(ks, [orthonormal(k, generator) for k in ks]) for ks in by_layer.values()]


def _fitting_call(
    fit: _Fit, reached: list[_Fit], tolerance: float, max_iterations: int
) -> Callable:
    """Return the layer's `call`, fitting its kernel to the first inputs that arrive."""
    layer, forward = fit.layer, fit.layer.call

    def measure(*args: Any, **kwargs: Any) -> Any:
        with _seen_by_activation(layer) as seen:
            outputs = forward(*args, **kwargs)
        fit.variance = _variance(seen[-1] if seen else outputs)
        return outputs

    def call(*args: Any, **kwargs: Any) -> Any:
        if fit in reached:
            return forward(*args, **kwargs)
        reached.append(fit)
        outputs = measure(*args, **kwargs)
        # Ends at once where there is nothing to scale: at None, 0 and NaN.
        while fit.variance and abs(fit.variance - 1) >= tolerance:
            if fit.iterations == max_iterations:
                break
            fit.rescale(fit.variance)
            outputs = measure(*args, **kwargs)
        return outputs

    return call


@contextmanager
def _seen_by_activation(layer: keras.Layer) -> Iterator[list]:
    """Collect what the layer passes to its fused activation."""
    seen: list = []
    activation = getattr(layer, "activation", None)
    if not callable(activation):
        yield seen
        return

    def tap(z: Tensor) -> Tensor:
        seen.append(z)
        return activation(z)

    with patched(layer, activation=tap):
        yield seen


def _variance(z: Tensor) -> float | None:
    """Return the variance, NaN if a value is not finite, None if there are no values to read."""
    # A loop that a backend compiles shows its layers no values.
    values = float64_if_readable(z)
    if values is None:
        return None
    return float(values.var()) if np.isfinite(values).all() else math.nan


def orthonormal(kernel: Kernel, generator: np.random.Generator) -> np.ndarray:
    """Draw the kernel as an orthonormal matrix from inputs to outputs (Saxe et al. 2014).

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
    # QR is unique with a positive diagonal of R; without this, Q is not uniformly distributed.
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return q if rows >= columns else q.swapaxes(1, 2)
